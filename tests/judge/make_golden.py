"""Write the golden decision records: `python -m tests.judge.make_golden`.

They are made again only when the judge's rule changes on purpose; the tests replay them.
"""

from collections.abc import Callable
from pathlib import Path

from components import record
from components.judge import Policy, Poll, begin, observe
from tests.support.polls import Gateway

GOLDEN = Path(__file__).parent / "golden"
POLICY = Policy(steps=(10, 50, 100), watch_s=120, poll_s=15, undecided="hold")
BEGAN_AT = 1_795_000_000.0
OUTCOMES = {"PROMOTE": "promoted", "ROLLBACK": "rolled_back", "HOLD": "held", "ERROR": "error"}


def promoted(gate: Gateway) -> list[Poll]:
    """Two safe steps."""
    return [gate.poll(), *gate.watch(8, rps=40), *gate.watch(8, rps=40, share=50)]


def rolled_back(gate: Gateway) -> list[Poll]:
    """A step that begins well; then one request in seven fails."""
    return [gate.poll(), *gate.watch(3, rps=10), *gate.watch(5, rps=10, errors=0.15)]


def held(gate: Gateway) -> list[Poll]:
    """Too little traffic for a verdict."""
    return [gate.poll(), *gate.watch(8, rps=0.5)]


def write(path: Path, polls: list[Poll]) -> None:
    """Record a release over `polls` as the release does."""
    path.unlink(missing_ok=True)
    head = {
        "schema": 1,
        "release_id": f"demo-{path.stem}",
        "endpoint": "demo",
        "model": "demo",
        "champion": "1",
        "candidate": "2",
        "policy": POLICY.model_dump(mode="json"),
    }
    record.append(path, "release", head, BEGAN_AT)
    state = begin(POLICY, "1", "2")
    for poll in polls:
        state, verdict = observe(POLICY, state, poll)
        record.append(path, "poll", poll.to_json(), BEGAN_AT + poll.t)
        record.append(path, "verdict", verdict.to_json(), BEGAN_AT + poll.t)
    end = {"outcome": OUTCOMES[verdict.decision], "reason": verdict.text}
    record.append(path, "end", end, BEGAN_AT + polls[-1].t)
    path.chmod(0o644)


def main() -> None:
    """Write all four."""
    GOLDEN.mkdir(exist_ok=True)
    stories: tuple[Callable[[Gateway], list[Poll]], ...] = (promoted, rolled_back, held)
    for story in stories:
        write(GOLDEN / f"{story.__name__}.jsonl", story(Gateway()))
    whole = (GOLDEN / "rolled_back.jsonl").read_bytes()
    # One digit of a counter in the middle: a failure becomes another number of failures.
    at = whole.index(b'"errors":', len(whole) // 2) + len(b'"errors":')
    other = b"2" if whole[at : at + 1] != b"2" else b"3"
    (GOLDEN / "corrupted.jsonl").write_bytes(whole[:at] + other + whole[at + 1 :])


if __name__ == "__main__":
    main()

"""Write golden decision records: `python -m tests.judge.make_golden`.

They are made again only when the judge's rule changes on purpose; the tests replay them. Those that
are committed were written in schema 1 and stay as they are, to show that such records replay; made
again they are of the schema of the day.
"""

from collections.abc import Callable
from pathlib import Path

from components.endpoint import Endpoint
from components.judge import Poll
from components.record import SCHEMA, Opened
from tests.support.endpoints import endpoint
from tests.support.polls import Gateway
from tests.support.records import STARTED_AT, judged, write

GOLDEN = Path(__file__).parent / "golden"


def promoted(gate: Gateway) -> list[Poll]:
    """Two safe steps."""
    return [gate.poll(), *gate.watch(8, rps=40), *gate.watch(8, rps=40, share=50)]


def rolled_back(gate: Gateway) -> list[Poll]:
    """A step that begins well; then one request in seven fails."""
    return [gate.poll(), *gate.watch(3, rps=10), *gate.watch(5, rps=10, errors=0.15)]


def held(gate: Gateway) -> list[Poll]:
    """Too little traffic for a verdict."""
    return [gate.poll(), *gate.watch(8, rps=0.5)]


STORIES: tuple[Callable[[Gateway], list[Poll]], ...] = (promoted, rolled_back, held)


def _endpoint() -> Endpoint:
    return endpoint(
        "demo",
        release={
            "steps": [10, 50, 100],
            "watch": "2m",
            "poll": "15s",
            "judge": {"undecided": "hold"},
        },
    )


def content(story: Callable[[Gateway], list[Poll]]) -> bytes:
    """The record of a release over the story's polls, as the release writes it."""
    released = _endpoint()
    head = Opened(
        schema=SCHEMA,
        release_id=f"demo-{story.__name__}",
        endpoint=released.name,
        model=released.model,
        candidate="2",
        champion="1",
        settings=released.model_dump(mode="json"),
    )
    return judged(head, released.release.policy(), story(Gateway()), STARTED_AT)


def main() -> None:
    """Write all four."""
    GOLDEN.mkdir(exist_ok=True)
    for story in STORIES:
        write(GOLDEN / f"{story.__name__}.jsonl", content(story))
    whole = (GOLDEN / "rolled_back.jsonl").read_bytes()
    # One digit of a counter in the middle: a failure becomes another number of failures.
    at = whole.index(b'"errors":', len(whole) // 2) + len(b'"errors":')
    other = b"2" if whole[at : at + 1] != b"2" else b"3"
    (GOLDEN / "corrupted.jsonl").write_bytes(whole[:at] + other + whole[at + 1 :])


if __name__ == "__main__":
    main()

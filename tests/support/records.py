"""Decision records as the release itself writes them, without a release."""

from collections.abc import Iterable
from pathlib import Path

from obstore.store import MemoryStore

from components.judge import Policy, Poll, begin, observe
from components.platform.memory import ManualClock
from components.platform.objects import ObjectRecords
from components.record import SCHEMA, Body, Ended, Opened, Outcome, Record

OUTCOMES: dict[str, Outcome] = {
    "PROMOTE": "promoted",
    "ROLLBACK": "rolled_back",
    "HOLD": "held",
    "ERROR": "error",
}


def written(lines: Iterable[tuple[float, tuple[Body, ...]]], release_id: str = "demo") -> bytes:
    """The record whose segments hold these bodies, each at its time (seconds since the epoch)."""
    clock = ManualClock()
    record = Record(ObjectRecords(MemoryStore()), release_id, clock)
    for at, bodies in lines:
        clock.set_wall(at)
        record.append(*bodies)
    return record.content()


def judged(head: Opened, policy: Policy, polls: Iterable[Poll], began: float) -> bytes:
    """The record of a release that takes these polls and ends as the newest verdict says."""
    state = begin(policy, str(head.champion), head.candidate)
    lines: list[tuple[float, tuple[Body, ...]]] = [(began, (head,))]
    for poll in polls:
        state, verdict = observe(policy, state, poll)
        lines.append((began + poll.t, (poll, verdict)))
    lines.append((lines[-1][0], (Ended(OUTCOMES[verdict.decision], verdict.text),)))
    return written(lines, head.release_id)


def opened(release_id: str, policy: Policy, settings: dict[str, object] | None = None) -> Opened:
    """The first line of a release of version 2 beside version 1."""
    return Opened(
        schema=SCHEMA,
        release_id=release_id,
        endpoint="demo",
        model="demo",
        candidate="2",
        champion="1",
        settings=settings or {},
        policy=policy.model_dump(mode="json"),
    )


def write(path: Path, content: bytes) -> Path:
    """The record as a file."""
    path.write_bytes(content)
    return path

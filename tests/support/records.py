"""Decision records as the release itself writes them, without a release."""

from collections.abc import Iterable
from pathlib import Path

from obstore.store import MemoryStore

from components.judge import Policy, Poll, begin, observe
from components.platform.memory import ManualClock
from components.platform.objects import ObjectRecords
from components.record import SCHEMA, Body, Ended, Line, Opened, Record, chain
from components.release.ending import OUTCOMES

STARTED_AT = 1_795_000_000.0


class Recorder:
    """A record that grows as a test says; ``t`` is the time of the next lines, in seconds."""

    def __init__(self, release_id: str = "demo") -> None:
        self.t = 0.0
        self._release_id = release_id
        self._clock = ManualClock()
        self._store = ObjectRecords(MemoryStore())
        self._record = Record(self._store, release_id, self._clock)

    def append(self, *bodies: Body) -> None:
        """Add lines as a release does."""
        self._clock.set_wall(STARTED_AT + self.t)
        self._record.append(*bodies)

    def append_json(self, kind: str, body: object) -> None:
        """Add a line whose body no release of this version writes."""
        before = self.content().splitlines()
        prev = chain.parse(before[-1], "the record").hash if before else chain.FIRST
        _, content = chain.link(len(before), kind, STARTED_AT + self.t, body, prev)
        assert self._store.append(self._release_id, len(before), content)

    def lines(self) -> list[Line]:
        """Every line, read from the store."""
        return Record(self._store, self._release_id, self._clock).lines()

    def content(self) -> bytes:
        """The record as one file."""
        return self._record.content()


def chained(lines: Iterable[tuple[str, float, object]]) -> bytes:
    """A record whose chain is whole, whatever its lines say: each one's kind, time and body."""
    content, prev = b"", chain.FIRST
    for seq, (kind, at, body) in enumerate(lines):
        link, line = chain.link(seq, kind, at, body, prev)
        content, prev = content + line, link.hash
    return content


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

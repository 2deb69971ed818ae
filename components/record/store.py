"""A release's record: the lines that the platform's store holds, and the way to add to them."""

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from components.errors import InputError
from components.files import read_limited
from components.platform.clock import Clock
from components.platform.contract import Records
from components.record import chain, lines
from components.record.chain import Link
from components.record.lines import Body, Line, Noted, Opened, Unknown
from components.record.tail import Tail, bodies_of, lines_of, links_of

MAX_BYTES = 1024**3
"""30 days of polls, 15 s apart, with one source a version are about 630 MB."""

_B = TypeVar("_B", bound=Body)


class Record:
    """The record of one release. Its lines are the only state that a release has.

    An object keeps the lines that it has read, verified, and asks the store only for later ones.
    Several processes may append: each segment's name in the store is the number of its first line,
    and the store takes a name once, so nobody's line is lost and the chain stays one.
    """

    def __init__(self, records: Records, release_id: str, clock: Clock) -> None:
        self.release_id = release_id
        self._records = records
        self._clock = clock
        self._lines: list[Line] = []
        self._tail = Tail(records, release_id)
        self._lock = threading.RLock()

    def lines(self) -> list[Line]:
        """Every line that stands in the store now, verified.

        Raises:
            InputError: the record is damaged.
            Unreachable: the store did not answer.
        """
        with self._lock:
            self._catch_up()
            return list(self._lines)

    def exists(self) -> bool:
        """True once the first line stands."""
        return bool(self.lines())

    def append(self, *bodies: Body) -> None:
        """Add lines, together; they stand in the store when this returns.

        Raises:
            InputError: a body holds NaN or infinity, or the record is damaged.
            Unreachable: the store did not take them; whether they stand is known at the next call.
        """
        at = self._clock.time()
        with self._lock:
            if self._tail.last is None:
                self._catch_up()
            while True:
                added = (*self._risen(), *bodies)
                links, segment = self._linked(added, at)
                if self._records.append(self.release_id, links[0].seq, segment):
                    self._take(links, added)
                    return
                self._catch_up()

    def note(self, event: str, detail: str = "") -> None:
        """Add what happened besides the plan."""
        self.append(Noted(event, detail))

    def content(self) -> bytes:
        """The record as one file."""
        with self._lock:
            return b"".join(self._records.read(self.release_id, 0))

    def _risen(self) -> tuple[Body, ...]:
        """What is said before lines are added to the record of an earlier Sluice."""
        earlier = 0 < self._tail.schema < lines.SCHEMA
        return (Noted(lines.RISEN, str(lines.SCHEMA)),) if earlier else ()

    def _linked(self, bodies: Sequence[Body], at: float) -> tuple[list[Link], bytes]:
        links, segment = [], b""
        last = self._tail.last
        for body in bodies:
            seq, prev = (last.seq + 1, last.hash) if last else (0, chain.FIRST)
            last, content = chain.link(seq, lines.kind_of(body), at, body, prev)
            links.append(last)
            segment += content
        return links, segment

    def _take(self, links: Sequence[Link], bodies: Sequence[Body]) -> None:
        self._lines += lines_of(links, bodies)
        self._tail.pass_over(links, bodies)

    def _catch_up(self) -> None:
        self._lines += self._tail.news()


def parse(content: bytes, source: str, *, whole: bool = False) -> list[Line]:
    """Every line of a record that was copied to a file, verified.

    Args:
        content: the file.
        source: names it in errors.
        whole: refuse a half-written last line as well, which otherwise is left out; nobody writes
            a finished record.

    Raises:
        InputError: it is too large or tampered with; names the first bad line.
    """
    if len(content) > MAX_BYTES:
        raise InputError(f"{source}: larger than {MAX_BYTES} bytes: no release's record is")
    finished, _, torn = content.rpartition(b"\n")
    links = links_of(finished, source, None) if finished else []
    if torn and whole:
        raise InputError(f"{source}:{len(links) + 1}: the last line is torn or was changed")
    if not links:
        return []
    return lines_of(links, bodies_of(links, 0, source))


def is_as_written(line: Line, before: Line | None) -> bool:
    """Whether the line's bytes are those that a record writes for what it says.

    The chain alone allows members beside the six, other spaces, and keys that stand twice, which
    other readers may understand otherwise.
    """
    prev = before.hash if before else chain.FIRST
    return chain.as_written(line.seq, line.kind, line.at, line.content, prev) == line.hash


def is_whole(line: Line) -> bool:
    """Whether the body has every member of this version's form, and no other, at every depth."""
    content, typed = msgspec.json.decode(line.content), chain.encode(line.body)
    return isinstance(line.body, Unknown) or bool(content == msgspec.json.decode(typed))


def hashes(content: bytes) -> list[str]:
    """The hash of each line of a record's copy, made from the line's bytes."""
    return [chain.hash_of(raw) for raw in content.split(b"\n") if raw]


def read(path: Path, *, whole: bool = False) -> list[Line]:
    """Every line of the record in the file ``path``; see `parse`.

    Raises:
        InputError: the file is missing, too large or tampered with.
    """
    content = read_limited(path, MAX_BYTES, too_large="no release's record is")
    return parse(content, str(path), whole=whole)


def opened(found: Sequence[Line]) -> Opened:
    """The first line of a release's record.

    Raises:
        InputError: the record does not begin as a release's does.
    """
    if not found or not isinstance(found[0].body, Opened):
        raise InputError("the record does not begin with a 'release' line: it is not a release's")
    return found[0].body


def of(found: Iterable[Line], kind: type[_B]) -> list[_B]:
    """The bodies of one kind, in their order."""
    return [line.body for line in found if isinstance(line.body, kind)]

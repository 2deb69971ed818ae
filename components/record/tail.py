"""A release's record as it grows."""

from collections.abc import Sequence
from functools import reduce

from components.errors import InputError
from components.platform.contract import Records
from components.record import chain, lines
from components.record.chain import Link
from components.record.lines import Body, Line


class Tail:
    """The lines of one record that were not read yet, verified; none of them is kept."""

    def __init__(self, records: Records, release_id: str) -> None:
        self.release_id = release_id
        self.last: Link | None = None
        """The newest line that was read or written."""
        self.schema = 0
        """Of the newest line; 0 before any, and of what is no release's record."""
        self._records = records

    def news(self) -> list[Line]:
        """The lines that stand in the store after `last`.

        Raises:
            InputError: the record is damaged.
            Unreachable: the store did not answer.
        """
        since = self.last.seq + 1 if self.last else 0
        content = b"".join(self._records.read(self.release_id, since))
        if not content:
            return []
        if not content.endswith(b"\n"):
            raise InputError(f"record of {self.release_id}: its last line is torn: it was altered")
        links = links_of(content, self.release_id, self.last)
        bodies = bodies_of(links, self.schema, self.release_id)
        self.pass_over(links, bodies)
        return lines_of(links, bodies)

    def pass_over(self, links: Sequence[Link], bodies: Sequence[Body]) -> None:
        """These lines stand next in the store, and need not be read."""
        self.schema = reduce(lines.risen, bodies, self.schema)
        self.last = links[-1]


def links_of(content: bytes, source: str, after: Link | None) -> list[Link]:
    """The links in ``content`` (whole lines), verified to follow ``after``.

    Raises:
        InputError: they do not; ``source`` names the record.
    """
    raws = content.removesuffix(b"\n").split(b"\n")
    first = after.seq + 1 if after else 0
    links = [chain.parse(raw, f"{source}:{first + n + 1}") for n, raw in enumerate(raws)]
    chain.verify(links, [chain.hash_of(raw) for raw in raws], source, after)
    return links


def bodies_of(links: Sequence[Link], schema: int, source: str) -> list[Body]:
    """What the links say; see `lines.decode`.

    Args:
        links: one after the other.
        schema: of the line before them; 0: they begin a record.
        source: names it in errors.

    Raises:
        InputError: one has not the form of its kind, and is of no later schema.
    """
    found: list[Body] = []
    for link in links:
        where = f"{source}:{link.seq + 1}"
        found.append(lines.decode(link.kind, bytes(link.body), schema, where))
        schema = lines.risen(schema, found[-1])
    return found


def lines_of(links: Sequence[Link], bodies: Sequence[Body]) -> list[Line]:
    """Links and what they say, together."""
    return [
        Line(link.seq, link.at, body, link.hash, bytes(link.body))
        for link, body in zip(links, bodies, strict=True)
    ]

"""What can be said of the end of a record without settings, as the first schema has them."""

from collections.abc import Iterator, Sequence

from components.judge import Verdict
from components.record import Ended, Line
from components.record.finding import Finding
from components.release.ending import OUTCOMES


def outcome_alone(lines: Sequence[Line]) -> Iterator[Finding]:
    """Where the outcome is not that of the newest verdict."""
    newest: Verdict | None = None
    for number, line in enumerate(lines, start=1):
        if isinstance(line.body, Verdict):
            newest = line.body
        elif (
            isinstance(line.body, Ended)
            and newest
            and newest.final
            and line.body.outcome != OUTCOMES[newest.decision]
        ):
            said = f"it ends {line.body.outcome}, and the newest verdict is {newest.decision}"
            yield Finding(number, said)

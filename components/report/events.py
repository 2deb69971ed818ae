"""What happened in a release besides the plan."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from components.record import Line, Noted
from components.report.scaling import effects


@dataclass(frozen=True)
class Event:
    """What happened besides the plan; equal neighbours are one event."""

    name: str
    detail: str
    first: float
    last: float
    times: int


def events_of(lines: Sequence[Line]) -> tuple[Event, ...]:
    """The events of a release, from its first line on."""
    events: list[Event] = []
    for line in lines:
        if not isinstance(line.body, Noted):
            continue
        name, detail, t = line.body.event, line.body.detail, line.at - lines[0].at
        if events and (events[-1].name, events[-1].detail) == (name, detail):
            events[-1] = replace(events[-1], last=t, times=events[-1].times + 1)
        else:
            events.append(Event(name, detail, t, t, 1))
    for line, said in effects(lines):
        t = line.at - lines[0].at
        events.append(Event("scaled", said, t, t, 1))
    return tuple(sorted(events, key=lambda event: event.first))

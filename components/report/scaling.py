"""What the counters say of the moments at which the number of predictors changed."""

from collections.abc import Iterator, Mapping, Sequence

from components.arms import in_words
from components.judge import Poll
from components.record import Count, Line, Scaled

AROUND = 2
"""Polls after the change: a predictor that has just come is asked in the second one."""


def effects(lines: Sequence[Line]) -> Iterator[tuple[Line, str]]:
    """Each line that says so with one sentence for each arm that has another number since."""
    known: Mapping[str, Count] = {}
    for place, line in enumerate(lines):
        if not isinstance(line.body, Scaled):
            continue
        for arm, now in line.body.replicas.items():
            before = known[arm].ready if arm in known else 1
            if now.ready != before:
                yield line, _said(arm, before, now.ready, _around(lines, place, arm))
        known = line.body.replicas


def _said(arm: str, before: int, now: int, counted: tuple[float, float] | None) -> str:
    several = f"{in_words(arm)} has {now} predictors ready instead of {before}"
    if counted is None:
        return several
    requests, errors = counted
    return f"{several}: {errors:.0f} of its {requests:.0f} requests around then failed"


def _around(lines: Sequence[Line], place: int, arm: str) -> tuple[float, float] | None:
    """An arm's requests and errors from the poll before a line to some after it, if all is read."""
    before = [line.body for line in lines[:place] if isinstance(line.body, Poll)][-1:]
    after = [line.body for line in lines[place:] if isinstance(line.body, Poll)][:AROUND][-1:]
    if not before or not after:
        return None
    (first,), (last,) = before, after
    old, new = first.sources.get(arm, {}), last.sources.get(arm, {})
    pairs = [(old[source], new[source]) for source in old if source in new]
    grown = [(b.requests - a.requests, b.errors - a.errors) for a, b in pairs if a and b]
    if not grown or any(requests < 0 for requests, _ in grown):
        return None  # not read, or counted anew since
    return sum(requests for requests, _ in grown), sum(errors for _, errors in grown)

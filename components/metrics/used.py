"""The usage of an endpoint's arms, out of a Prometheus server: raw counters over a time.

The time's end is one of the moments that are read, so what was counted up to the last scrape before
it is in the usage, exactly; a life that begins and ends between two moments is not seen. In a time
of up to 80 minutes a moment is read each second.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import httpx

from components.gateway import ENDPOINT_LABEL, VERSION_LABEL
from components.judge.lives import same_life
from components.metrics.past import Range, over
from components.metrics.prometheus import MEMORY_S, Found, ask, key_of
from components.metrics.queries import Queries, Series, newest_scrape
from components.metrics.usage import Grown, Metered, Read, Usage, added_up, grown

MOMENTS = 5_000
"""So many are read at most; Prometheus itself refuses more than 11,000."""
_UNSEEN_AFTER_S = 5.0
"""Without a scrape for so long the gateway counts as not read."""

_Key = tuple[str, str]
"""A process, and what it counts for."""
_Counts = list[float | None]
"""None: this counter was not read."""


@dataclass(frozen=True)
class _Family:
    """Counters of one kind of process, which are read together."""

    counters: Callable[[str], Sequence[str]]
    """PromQL of each counter: last in a window, or of the newest scrape, if none is given. A series
    that it lacks may stand for minutes more, and would count again for the next life."""
    born: str
    """PromQL of when each process began, in seconds since the epoch."""
    key: Callable[[Found], _Key]


def usage(
    client: httpx.Client,
    queries: Queries,
    endpoint: str,
    versions: Sequence[str],
    time: tuple[float, float],
) -> Metered:
    """What each arm was asked and used in the time between two seconds since the epoch.

    Raises:
        Unreachable: the server did not answer, or not as Prometheus does.
    """
    start, end = time
    step = max(1.0, math.ceil((end - start) / MOMENTS))
    span = Range(end - step * math.floor((end - start) / step), end, step)
    names = {name: arm for arm in versions for name in queries.backends(endpoint, arm)}
    gateways = _grown(client, queries, _gateway(queries, names), span, start)
    predictors = _grown(client, queries, _predictors(queries, endpoint, versions), span, start)
    arms = {}
    for arm in versions:
        asked = added_up([g for (_, name), g in gateways.items() if names.get(name) == arm], 3)
        own = [g for (_, version), g in predictors.items() if version == arm]
        used = added_up(own, 2)
        requests, failed, refused = asked.counts
        cpu_s, rows = used.counts
        arms[arm] = Usage(
            requests=requests,
            failed=failed,
            refused=refused,
            rows=rows if own else None,
            cpu_s=cpu_s if own else None,
            restarts=asked.restarts + used.restarts,
            unsure=asked.unsure or used.unsure,
        )
    return Metered(arms, _unseen(client, queries, span))


def _gateway(queries: Queries, names: Mapping[str, str]) -> _Family:
    def counters(window: str) -> Sequence[str]:
        found = queries.counted(names, window, str if window else queries.scraped_now)
        return found.requests, found.failed, found.refused

    def key(found: Found) -> _Key:
        replica, name = key_of(queries, found)
        return "/".join(replica), name

    return _Family(counters, queries.began(), key)


def _predictors(queries: Queries, endpoint: str, versions: Iterable[str]) -> _Family:
    arms = "|".join(_literal(version) for version in versions)
    known = ",".join(queries.predictors)
    chosen = f'{{{known},{ENDPOINT_LABEL}="{endpoint}",{VERSION_LABEL}=~"{arms}"}}'

    def counters(window: str) -> Sequence[str]:
        read = [
            f"{name}{chosen}" for name in ("process_cpu_seconds_total", "inference_batch_size_sum")
        ]
        if window:
            return [f"last_over_time({each}[{window}])" for each in read]
        scrape = newest_scrape(Series("up", queries.predictors))
        return [f"({each} and (timestamp({each}) == {scrape}))" for each in read]

    def key(found: Found) -> _Key:
        return found.labels.get("instance", ""), found.labels.get(VERSION_LABEL, "")

    return _Family(counters, f"process_start_time_seconds{chosen}", key)


def _grown(
    client: httpx.Client, queries: Queries, family: _Family, span: Range, start: float
) -> dict[_Key, Grown]:
    """The growth of each source of the family."""
    reads: dict[_Key, dict[int, _Counts]] = {}
    width = len(family.counters(""))
    for place, query in enumerate(family.counters("")):
        for one, points in over(client, query, queries, span):
            of = reads.setdefault(family.key(one), {})
            for at, value in points.items():
                counts = of.setdefault(at, [None] * width)
                # One process, however often it is seen.
                counts[place] = max(counts[place] or 0.0, value)
    born: dict[str, dict[int, float]] = {}
    for one, points in over(client, family.born, queries, span) if family.born else ():
        born.setdefault(family.key(one)[0], {}).update(points)
    bases, births = _bases(client, queries, family, start)
    found = {}
    for source, of in reads.items():
        process = source[0]
        base = bases.get(source)
        if base is None and process in births:
            # It was read then, and had counted nothing for this.
            base = Read((0.0,) * width, births[process])
        found[source] = grown(base, _whole(of, born.get(process, {})), start)
    return found


def _whole(moments: Mapping[int, _Counts], born: Mapping[int, float]) -> list[Read]:
    """The readings with what they lack: a counter begins with the first that it counts.

    One that was there in this life, and is no number or is missing now, is as it was.
    """
    found: list[Read] = []
    for at in sorted(moments):
        counts, since = moments[at], born.get(at)
        last = found[-1] if found else Read((0.0,) * len(counts))
        goes_on = same_life(last.born, since) and all(
            now is None or now >= before for now, before in zip(counts, last.counts, strict=True)
        )
        held = last.counts if goes_on else (0.0,) * len(counts)
        filled = (old if now is None else now for now, old in zip(counts, held, strict=True))
        found.append(Read(tuple(filled), since))
    return found


def _bases(
    client: httpx.Client, queries: Queries, family: _Family, start: float
) -> tuple[dict[_Key, Read], dict[str, float]]:
    """What each source had counted at the beginning, and when each process that was read began.

    Of a process that was not read then it is what was read in the day before.
    """
    births: dict[str, float] = {}
    if family.born:
        for (process, _), value in _at(client, queries, family, family.born, start).items():
            births[process] = max(value, births.get(process, value))
    found: dict[_Key, Read] = {}
    for window in (f"{MEMORY_S}s", ""):
        counts: dict[_Key, list[float]] = {}
        queried = family.counters(window)
        for place, query in enumerate(queried):
            for source, value in _at(client, queries, family, query, start).items():
                if not window or source[0] not in births:
                    counts.setdefault(source, [0.0] * len(queried))[place] = value
        found |= {source: Read(tuple(of), births.get(source[0])) for source, of in counts.items()}
    return found, births


def _at(
    client: httpx.Client, queries: Queries, family: _Family, query: str, at: float
) -> dict[_Key, float]:
    """The values of a query at one time."""
    found: dict[_Key, float] = {}
    for one in ask(client, queries, "query", query=query, time=at):
        ((_, value),) = one.points
        if math.isfinite(value):
            found[family.key(one)] = max(value, found.get(family.key(one), value))
    return found


def _unseen(client: httpx.Client, queries: Queries, span: Range) -> float:
    """Seconds of the time in which no gateway was scraped."""
    window = math.ceil(max(_UNSEEN_AFTER_S, span.step))
    query = f"max(max_over_time({queries.scraped.select()}[{window}s]))"
    seen = {
        at
        for _, points in over(client, query, queries, span)
        for at, value in points.items()
        if value == 1
    }
    moments = round((span.end - span.start) / span.step) + 1
    return (moments - len(seen)) * span.step


def _literal(name: str) -> str:
    """A name as a regex that matches it alone, within a quoted text of PromQL."""
    return "".join(c if c.isalnum() else f"\\\\{c}" for c in name)

"""Whether a Prometheus has what a release is judged by: asked before one begins.

Rules of whoever runs it may drop labels: those that tell the gateway's replicas apart, so that two
are one series that jumps, or those by which requests are found, so that versions read zero, or no
failure. They may drop series whole, and a limit on labels or samples refuses a replica whole.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import httpx

from components.metrics.prometheus import ask
from components.metrics.queries import COUNTED, TARGET, Queries, Series

_LIMIT = "limit"
"""A word of what Prometheus says of a target that one of its limits refuses."""
_FLUSHED_S = 10
"""An answer that was counted so long ago is in the histogram."""


class _Fault(NamedTuple):
    """What may be wrong with what a Prometheus has."""

    name: str
    """The label or series that is not there."""
    query: str
    """PromQL that has an answer if it is so."""
    said: str


def unfit(client: httpx.Client, queries: Queries) -> str:
    """Why what it has of the gateway is nothing to judge by; empty if it is, or nobody knows.

    Raises:
        Unreachable: the server did not answer, or not as Prometheus does.
    """
    if queries.uptime is None:
        return ""
    faults = list(_faults(queries, queries.uptime))
    # One question for all.
    asked = (
        f'label_replace({fault.query}, "{COUNTED}", "{fault.name}", "", "")' for fault in faults
    )
    found = ask(client, queries, "query", query=" or ".join(asked))
    names = {each.labels.get(COUNTED) for each in found}
    said = (fault.said for fault in faults if fault.name in names)
    return next(said, "") or _refused(client)


def _faults(queries: Queries, uptime: Series) -> Iterator[_Fault]:
    """What the newest scrapes may lack; what comes first says most.

    ``uptime`` is what each replica has from its first second on, whoever is asked.
    """
    scraped = queries.scraped.select()
    # For minutes a series is still there of which the label was dropped until it was mended.
    newest = f"scalar(min(timestamp({scraped}) and {scraped} == 1))"

    def there(series: Series, *more: str) -> str:
        return f"timestamp({series.select(*more, *queries.scraped.matchers)}) >= {newest}"

    for label in dict.fromkeys(each for each in (*TARGET, *queries.replica) if each != "job"):
        yield _no_label(label, f"count({there(uptime, _without(label))})", "its proxies apart")
    for label, series, tells in queries.always:
        # A rule drops it from all of them.
        lacking, having = there(series, _without(label)), there(series, f'{label}!=""')
        yield _no_label(label, f"(count({lacking}) unless count({having}))", tells)
    yield from _series_dropped(queries, uptime, there)


def _series_dropped(
    queries: Queries, uptime: Series, there: Callable[..., str]
) -> Iterator[_Fault]:
    """A proxy that was asked nothing has neither series; one that has answered has both."""
    if queries.answered is None:
        return
    requests, latencies = Series(queries.requests.name), Series(queries.latencies.name)
    target = ", ".join(TARGET)
    answered = (
        f"{there(queries.answered)} and {queries.answered.select()} offset {_FLUSHED_S}s"
        # Of this life of its process.
        f" and on ({target}) {uptime.select()} > {2 * _FLUSHED_S}"
    )
    for query, lacking, tells in (
        (there(latencies), requests, "what was asked"),
        (answered, latencies, "how long answers took"),
    ):
        yield _Fault(
            lacking.name,
            f"(count({query}) unless count({there(lacking)}))",
            f"Prometheus drops the series {lacking.name!r} of the gateway, so nobody can tell"
            f" {tells}: take {lacking.name!r} out of what its metric_relabel_configs"
            " (metricRelabelings) drop",
        )


def _without(label: str) -> str:
    return f'{label}=""'


def _no_label(label: str, query: str, tells: str) -> _Fault:
    return _Fault(
        label,
        query,
        f"Prometheus drops the label {label!r} of what the gateway counts, so nobody can tell"
        f" {tells}: take {label!r} out of the labeldrop of its metric_relabel_configs"
        " (metricRelabelings)",
    )


def _refused(client: httpx.Client) -> str:
    """Which of the gateway's targets a limit of Prometheus refuses, or which two have one name."""
    try:
        answer = client.get("/api/v1/targets", params={"state": "active"})
        answer.raise_for_status()
        targets = answer.json()["data"]["activeTargets"]
        ours = [each for each in targets if each.get("labels", {}).get("job") == "gateway"]
        for target in ours:
            said = str(target.get("lastError") or "")
            if _LIMIT in said:
                where = target["labels"].get("instance", "")
                return f"Prometheus refuses what proxy {where} counts ({said}): raise that limit"
        return _one_name(ours)
    except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError):
        return ""  # what stores metrics for Prometheus has no targets of its own


def _one_name(targets: list[dict[str, Any]]) -> str:
    """Which two of the targets have one and the same name."""
    known: dict[str, str] = {}
    for target in targets:
        instance, url = target["labels"].get("instance", ""), target.get("scrapeUrl", "")
        if (other := known.setdefault(instance, url)) != url:
            return (
                f"Prometheus gives two of the gateway's proxies one 'instance', {instance!r}"
                f" ({other}, {url}), so nobody can tell them apart: take 'instance' out of what its"
                " relabel_configs (relabelings) replace"
            )
    return ""

"""What a Prometheus server answers, as series of one gateway's sources."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx

from components import gateway
from components.errors import Unreachable
from components.judge import Sample
from components.metrics.queries import CAUSE, COUNTED, Queries

TIMEOUT_S = 30.0
"""Of one question, to a server that may be far."""
MEMORY_S = 24 * 3600
"""A source that counted something within this time is known."""

BORN_SLACK_S = 60.0
"""A process that began later than so long after it was read is none."""

Replica = tuple[str, ...]
"""The values of `Queries.replica`."""
Key = tuple[Replica, str]
"""A replica of the gateway and the name of a backend there."""
Copy = tuple[tuple[str, str], ...]
"""The labels besides: series that differ in them are copies of one target, or other targets."""


class Found(NamedTuple):
    """One series of an answer."""

    labels: Mapping[str, str]
    edge: str
    """The bucket's upper edge in ms; empty if the series is none of a histogram."""
    points: list[tuple[float, float]]
    """Time in seconds since the epoch, and value; one point of an instant query."""


def copy_of(queries: Queries, found: Found) -> Copy:
    """The labels of a series that tell nothing of what it counts."""
    known = {*queries.replica, queries.cluster, *queries.parts, "le", COUNTED, CAUSE, "__name__"}
    return tuple(sorted(it for it in found.labels.items() if it[0] not in known))


def key_of(queries: Queries, found: Found) -> Key:
    """Whose series it is."""
    replica = tuple(found.labels.get(label, "") for label in queries.replica)
    return replica, found.labels.get(queries.cluster, "")


def client_of(url: str, transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """A client of the server at ``url``; this machine's own are asked past any proxy."""
    far = httpx.URL(url).host not in {"localhost", "127.0.0.1", "::1"}
    return httpx.Client(base_url=url, timeout=TIMEOUT_S, transport=transport, trust_env=far)


def ask(client: httpx.Client, queries: Queries, api: str, **asked: str | float) -> list[Found]:
    """The series that ``api`` (`query` or `query_range`) answers with.

    Raises:
        Unreachable: the server did not answer, or not as Prometheus does.
    """
    try:
        answer = client.get(f"/api/v1/{api}", params=asked)
        answer.raise_for_status()
        return [_series(one, queries) for one in answer.json()["data"]["result"]]
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unreachable(f"Prometheus at {client.base_url}: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        text = f"{client.base_url} does not answer as Prometheus does: {error!r}"
        raise Unreachable(text) from error


def _series(series: Mapping[str, Any], queries: Queries) -> Found:
    labels: dict[str, str] = series["metric"]
    points = series["values"] if "values" in series else [series["value"]]
    edge = gateway.milliseconds(labels["le"], queries.per_ms) if "le" in labels else ""
    return Found(labels, edge, [(float(at), float(value)) for at, value in points])


def of_numbers(read: Sample) -> Sample | None:
    """The sample, or None if any of its counters is NaN or infinite."""
    counters = (read.requests, read.errors, read.refused, read.unanswered, read.retried)
    return read if all(map(math.isfinite, (*counters, *read.buckets.values()))) else None

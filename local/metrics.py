"""Raw counters out of Prometheus (`components.platform.Metrics`)."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import httpx

from components.endpoint import Endpoint
from components.errors import Unreachable
from components.platform import Counters
from local import routes
from local.buckets import EDGES_US, milliseconds
from local.http import local_client

REST, GRPC = "envoy/rest", "envoy/grpc"

FAILED_GRPC = frozenset({"2", "4", "13", "14", "15"})
"""UNKNOWN, DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE, DATA_LOSS: what would be a 5xx in HTTP."""

_MEMORY_S = 24 * 3600
"""A source that was seen within this time is known."""


@dataclass(frozen=True)
class _Series:
    """One time series of the gateway's own access log, newest value."""

    cluster: str
    labels: dict[str, str]
    value: float


def _counters(series: Iterable[_Series]) -> Counters:
    """Add up what belongs to one cluster; a series that does not exist yet is zero."""
    requests = errors = 0.0
    buckets = {milliseconds(str(edge)): 0.0 for edge in EDGES_US} | {"+Inf": 0.0}
    for each in series:
        if "le" in each.labels:
            buckets[milliseconds(each.labels["le"])] = each.value
            continue
        requests += each.value
        if int(each.labels["code"]) >= 500 or each.labels.get("grpc") in FAILED_GRPC:
            errors += each.value
    return Counters(requests, errors, buckets)


@dataclass(frozen=True)
class PrometheusMetrics:
    """What users got of each version, as the gateway counted it.

    The sources of a version are ``envoy/rest`` and, once it has had a gRPC request,
    ``envoy/grpc``. Requests that a client gave up, and those that the gateway itself refused
    (401, 413, 429), are in neither: no version has answered them.
    """

    url: str
    transport: httpx.BaseTransport | None = None

    def _client(self) -> httpx.Client:
        if self.transport is None:
            return local_client(timeout=3.0, base_url=self.url)
        return httpx.Client(base_url=self.url, transport=self.transport)

    def sample(
        self, endpoint: Endpoint, versions: list[str], max_age: float
    ) -> dict[str, dict[str, Counters | None]]:
        """The newest raw counters by version and source.

        A version without a request yet has counters of zero, since the gateway was scraped and
        had nothing to say of it.

        Raises:
            Unreachable: Prometheus did not answer.
        """
        window = f"[{max(1, math.ceil(max_age))}s]"
        names = "|".join(
            routes.cluster(endpoint.name, version, grpc=grpc)
            for version in versions
            for grpc in (False, True)
        )
        chosen = f'{{job="gateway",cluster=~"{names}"}}'
        with self._client() as client:
            scraped = _query(client, f'max_over_time(up{{job="gateway"}}{window}) == 1')
            if not scraped:
                known = _query(
                    client, f"last_over_time(envoy_sluice_requests{chosen}[{_MEMORY_S}s])"
                )
                return _lost(endpoint, versions, {each.cluster for each in known})
            found = _query(client, f"last_over_time(envoy_sluice_requests{chosen}{window})")
            found += _query(client, f"last_over_time(envoy_sluice_latency_bucket{chosen}{window})")
        return {version: _version(endpoint, version, found) for version in versions}


def _version(endpoint: Endpoint, version: str, found: list[_Series]) -> dict[str, Counters | None]:
    rest = routes.cluster(endpoint.name, version)
    grpc = routes.cluster(endpoint.name, version, grpc=True)
    sources: dict[str, Counters | None] = {
        REST: _counters(each for each in found if each.cluster == rest)
    }
    if any(each.cluster == grpc for each in found):
        sources[GRPC] = _counters(each for each in found if each.cluster == grpc)
    return sources


def _lost(
    endpoint: Endpoint, versions: list[str], known: set[str]
) -> dict[str, dict[str, Counters | None]]:
    lost: dict[str, dict[str, Counters | None]] = {version: {REST: None} for version in versions}
    for version in versions:
        if routes.cluster(endpoint.name, version, grpc=True) in known:
            lost[version][GRPC] = None
    return lost


def _query(client: httpx.Client, expression: str) -> list[_Series]:
    try:
        answer = client.post("/api/v1/query", data={"query": expression})
        answer.raise_for_status()
        results: list[dict[str, Any]] = answer.json()["data"]["result"]
        return [
            _Series(item["metric"].get("cluster", ""), item["metric"], float(item["value"][1]))
            for item in results
        ]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise Unreachable(
            f"Prometheus gives no answer ({type(error).__name__}): run 'sluice up'"
        ) from error

"""The contract with any gateway, said once: names, and what its counters mean.

Whoever configures a gateway, asks Prometheus for what it counted, or sends requests through it,
takes headers, names of backends, series, and the meaning of an answer from here. What counts as
failed stands once in Python (`is_failed`) and once in PromQL (`FAILED`), both from `FAILED_CLASS`
and `FAILED_GRPC`.
"""

import re

from components.errors import InputError

KEY_HEADER = "x-api-key"
"""The client's key; the gateway takes it off."""
CLIENT_HEADER = "x-client-id"
"""Whose key it was, as the gateway tells the predictor; a client's own is overwritten."""
ENDPOINT_HEADER = "x-sluice-endpoint"
"""A gRPC request's endpoint, which no path names."""
VERSION_HEADER = "x-model-version"
"""Of a request: the one version that is asked, past the split. Of an answer: who answered."""

_CLIENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
"""Fits into a header, a label and a file's name."""


def refuse_client_name(name: str) -> None:
    """Check that ``name`` can be a client's.

    Raises:
        InputError: it cannot; says what one may have.
    """
    if not _CLIENT_NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot be a client's name: use letters, digits, '-', '_' and '.', 63 at most"
        )


_GRPC, _ASIDE = "-grpc", "-aside"

STATS_PREFIX, REQUESTS, LATENCY = "sluice", "requests", "latency"
"""What the gateway's own access log counts: requests, and latencies in microseconds..."""
CLUSTER, CODE, GRPC_STATUS = "cluster", "code", "grpc"
"""...by the backend's name, and requests by HTTP status and gRPC status (none for REST) as well."""
REQUESTS_SERIES = f"envoy_{STATS_PREFIX}_{REQUESTS}"
LATENCY_SERIES = f"envoy_{STATS_PREFIX}_{LATENCY}_bucket"
RATE_LIMITED_SERIES = "envoy_http_local_rate_limit_rate_limited"
"""Requests that were answered 429, of all endpoints together."""

COUNTED = (
    "response.code >= 500 || (response.code > 0 &&"
    " (has(upstream.address) || response.code_details.startsWith('upstream_')))"
)
"""Which answers count as a request, in the access log's own language (CEL): those of a version, or
the want of one; a failed gRPC call has code 200. Not counted: what the gateway refused by itself
(`REFUSALS`), and what the client gave up before an answer (code 0)."""

REFUSALS = frozenset({401, 413, 429})
"""HTTP statuses that the gateway answers itself: no key, a body too large, too many requests."""
FAILED_CLASS = 5
"""The class of HTTP statuses that count as failed."""
FAILED_GRPC = frozenset({2, 4, 13, 14, 15})
"""UNKNOWN, DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE, DATA_LOSS: what would be a 5xx in HTTP."""
_CLIENTS_CLASS = 4


def is_failed(code: int, grpc: int | None = None) -> bool:
    """Whether an answer of this HTTP status, and gRPC status if it has one, counts as failed."""
    return code // 100 == FAILED_CLASS or grpc in FAILED_GRPC


def is_clients_fault(code: int) -> bool:
    """Whether the version refused what the client asked: a 4xx that is not the gateway's own."""
    return code // 100 == _CLIENTS_CLASS and code not in REFUSALS


FAILED = (
    f'{CODE}=~"{FAILED_CLASS}.."',
    f'{GRPC_STATUS}=~"{"|".join(map(str, sorted(FAILED_GRPC)))}"',
)
"""`is_failed` as matchers of `REQUESTS_SERIES`: a series that meets any of them has failed."""
CLIENTS_FAULT = (
    f'{CODE}=~"{_CLIENTS_CLASS}.."',
    f'{CODE}!~"{"|".join(map(str, sorted(REFUSALS)))}"',
)
"""`is_clients_fault` as matchers of `REQUESTS_SERIES`: a series must meet both."""
USERS = f'{CLUSTER}!~".*{_ASIDE}"'
"""The matcher of what users asked: without the twins of `backend(aside=True)`."""

NO_BACKEND = f'{CLUSTER}=~"-?"'
"""The matcher of requests that failed for want of a version to ask, of all endpoints together."""


def backend(endpoint: str, version: str, *, grpc: bool = False, aside: bool = False) -> str:
    """The name under which the gateway knows, and counts, a version of an endpoint.

    ``aside`` names a twin for what is no user's inference request (pinned requests, readiness,
    metadata), so that it can never pass for the users' traffic.
    """
    return f"{endpoint}-v{version}" + _GRPC * grpc + _ASIDE * aside


def users_backends(endpoint: str, version: str) -> tuple[str, str]:
    """The backends that count what users got of a version: REST, and gRPC."""
    return backend(endpoint, version), backend(endpoint, version, grpc=True)


def is_users_rest(name: str) -> bool:
    """Whether a backend counts users' REST requests, and neither gRPC nor what is aside."""
    return not name.endswith((_GRPC, _ASIDE))


_DIGITS = (10, 12, 13, 16, 17, 21, 23, 28, 31, 37, 41, 49, 55, 66, 74, 89)

EDGES_US: tuple[int, ...] = tuple(
    edge
    for scale in (100, 1000, 10_000, 100_000, 1_000_000)
    for digit in _DIGITS
    if (edge := digit * scale) <= 41_000_000
)
"""The edges of the gateway's latency histogram: microseconds, from 1 ms to 41 s.

Envoy keeps a latency in a bin of two significant digits and counts a bin below an edge only when
all of it lies below: an edge inside a bin is silently rounded down, by up to 9 %. The judge holds
the share of answers slower than u against the share slower than v = 1.3 u, so a ladder of ratio
sqrt(1.3), rounded that way, has pairs from 1.22 to 1.36, and a ratio under 1.3 accuses good
versions. These edges lie on the bins' own borders, and each has another 1.300 to 1.353 times as
high: the tightest that two digits allow with 16 edges in a decade.
"""


PER_MS = 1000
"""Units of the edges in a millisecond."""


def milliseconds(edge: str, per_ms: float = PER_MS) -> str:
    """An upper edge as a poll writes it, from a series' ``le`` in 1/``per_ms`` of a millisecond."""
    return edge if edge == "+Inf" else f"{float(edge) / per_ms:g}"

"""The contract with any gateway, said once: names, and what its counters mean.

Whoever configures a gateway, asks Prometheus for what it counted, or sends requests through it,
takes headers, names of backends, series, and the meaning of an answer from here. What counts as a
request, as failed, as unanswered and as the client's fault stands once in Python (`is_failed`) and
once in PromQL (`FAILED`), both from the same codes.

A request *failed* if it was answered 5xx, or what would be one in gRPC, or not at all: the client
gave up, or a reset or a deadline cut it off. The *client's fault* (4xx) is a class of its own, held
against production's share and never against a limit. 401, 413, 429, and what else the gateway
answers itself, belong to no version.
"""

import re
from collections.abc import Container, Iterable, Mapping
from typing import Any, Literal

from components.arms import baseline_of
from components.errors import InputError

KEY_HEADER = "x-api-key"
"""The client's key; the gateway takes it off."""
CLIENT_HEADER = "x-client-id"
"""Whose key it was, as the gateway tells the predictor; a client's own is overwritten."""
ENDPOINT_HEADER = "x-sluice-endpoint"
"""A gRPC request's endpoint, which no path names."""
GRPC_SERVICE, GRPC_INFER = "/inference.GRPCInferenceService/", "ModelInfer"
GRPC_ASIDE = ("ModelReady", "ModelMetadata", "ServerLive", "ServerReady", "ServerMetadata")
"""What else a client may call of the service; the rest of it loads and unloads models."""
VERSION_HEADER = "x-model-version"
"""Of a request: the one version that is asked, past the split. Of an answer: who answered."""
SHADOW_HEADER = "x-sluice-shadow"
"""Of a request: it is copied to that version. Where it names the version that is asked it is the
copy, whose answer nobody gets; a client's own is taken off."""
WAKING_HEADER = "x-sluice-waking"
"""Of a request whose version may have to be woken first: the gateway says so, nobody else."""

Role = Literal["client", "operator", "platform"]
"""What a key is for. A client asks for inferences, and the split decides who answers; an operator
may name the version (`may_pin`); the platform's own key is for its probes and releases."""
PLATFORM_CLIENT = "sluice"
"""The one client whose role is `platform`."""


def may_pin(role: Role, weights: Mapping[str, int]) -> bool:
    """Whether a key of this role may name the version that answers, under this split.

    What is asked past the split is no evidence, but it takes the version's time from those whose
    answers are: so while two versions are compared only the platform itself may.
    """
    compared = sum(share > 0 for share in weights.values()) > 1
    return role == "platform" or (role == "operator" and not compared)


NO_PIN = (
    "only an operator's key may name the version ('sluice keys add NAME --role operator' makes"
    " one), and none while a release compares versions"
)
"""What whoever may not is told, with the status 403."""


NO_ENDPOINT = "no such endpoint: 'sluice status' lists what is served"
"""What whoever asks for nothing that is served is told, with the status 404."""
NO_PREDICTOR = "the version that was to answer has no predictor now: ask again"
"""...and who asks for what nobody can answer for want of one, with the status 503."""
ASLEEP = "the version that was to answer may sleep, and did not answer in time: ask again"
"""...and who waited in vain for one that is to be woken, with the status 503."""
MAX_BODY_BYTES = 1 << 20
"""Of a request; a larger one gets the status 413."""

UPSTREAM_IDLE = "3s"
"""How long the gateway keeps a silent connection to a predictor: shorter than the 5 s after which
uvicorn closes it, since a request that is sent into one just being closed would fail."""


def role_of(client: str, role: str) -> Role:
    """The role of a client that was given ``role``.

    Raises:
        InputError: no client can have it.
    """
    if client == PLATFORM_CLIENT:
        return "platform"
    if role == "operator":
        return "operator"
    if role == "client":
        return "client"
    raise InputError(f"client {client} cannot have the role {role!r}: choose client or operator")


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


def refuse_known(client: str, known: Container[str]) -> None:
    """Check that the client has no key yet.

    Raises:
        InputError: it has one.
    """
    if client in known:
        raise InputError(f"client {client} has a key already: rotate it to replace it")


def refuse_unknown(client: str, known: Container[str]) -> None:
    """Check that the client has a key.

    Raises:
        InputError: it has none.
    """
    if client not in known:
        raise InputError(f"client {client!r} has no key: 'sluice keys add {client}' makes one")


_GRPC, _ASIDE = "-grpc", "-aside"

STATS_PREFIX, REQUESTS, LATENCY = "sluice", "requests", "latency"
"""What the gateway's own access log counts: requests, and latencies in microseconds..."""
CLUSTER, CODE, GRPC_STATUS, FLAGS, WHOLE = "cluster", "code", "grpc", "flags", "whole"
"""...by the backend's name, and requests by HTTP status, gRPC status (none for REST), how the
exchange ended (Envoy's response flags), and whether the version had sent its whole answer."""
CLIENT = "client"
"""...and whose key it was."""
ROUTE = "route"
MORE_PARTS = (ROUTE, "version", "envoy_local_http_ratelimit_prefix")
"""Labels by which a gateway elsewhere breaks the same counter down further."""

NAMESPACE_LABEL, ENDPOINT_LABEL, VERSION_LABEL = "namespace", "endpoint", "model_version"
"""What joins series of gateway, predictors, targets and exporter: where an endpoint is, whose
series it is, and the version's name there (`components.identity`), or its baseline's."""
ARM_LABEL = "arm"
"""Which part a version has at its endpoint now: on `components.exporter`'s series alone, since it
moves with a promotion, and a label that moves begins every counter anew."""
JOIN = (NAMESPACE_LABEL, ENDPOINT_LABEL, VERSION_LABEL)
"""The labels of one version's series, in the order in which they are written."""
REQUESTS_SERIES = f"envoy_{STATS_PREFIX}_{REQUESTS}"
LATENCY_SERIES = f"envoy_{STATS_PREFIX}_{LATENCY}_bucket"
RATE_LIMITED_SERIES = "envoy_http_local_rate_limit_rate_limited"
"""Requests that were answered 429, of all endpoints together."""
RETRIES_SERIES, RETRIES_CLUSTER = "envoy_cluster_upstream_rq_retry", "envoy_cluster_name"
"""Requests that the gateway sent once more, by the backend's name under another label."""
UPTIME_SERIES = "envoy_server_uptime"
"""Seconds since the gateway's process began: what it counted is of this life."""

RETRY_ON = "connect-failure"
"""The one reason for which a gateway may send a request once more: the connection was refused, so
nobody has seen it. Any other retry hides a failure of the version."""

REFUSALS = frozenset({401, 413, 429})
"""HTTP statuses that the gateway answers itself: no key, a body too large, too many requests."""
FAILED_CLASS = 5
"""The class of HTTP statuses that count as failed."""
FAILED_GRPC = frozenset({2, 4, 13, 14, 15})
"""UNKNOWN, DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE, DATA_LOSS: what would be a 5xx in HTTP."""
REFUSED_GRPC = frozenset({3, 5, 6, 7, 9, 10, 11, 12})
"""INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED, FAILED_PRECONDITION, ABORTED,
OUT_OF_RANGE, UNIMPLEMENTED: what the version refused."""
NO_ANSWER = 0
"""The HTTP status, in the log, of a request that ended before an answer had begun."""
CUT_OFF = frozenset({"DC", "DR", "DT", "LR", "SI", "UC", "UPE", "UR", "UT"})
"""Flags of an answer that had begun and did not end: the client gave up, or a reset or a deadline
cut it off. Where the version had sent all of it, that is nobody's fault but the client's."""
OVERFLOW = "UO"
"""The flag of what the gateway itself refused, as too many requests were under way: it has failed
(503), at the version that was to answer it."""
BUFFERED_BYTES = 1 << 20
"""Of an answer that the gateway keeps for a client that does not read; then it stops reading, too
(Envoy's `per_connection_buffer_limit_bytes` where nobody sets it)."""
BEGUN_HEADER = "x-sluice-begun"
"""Of an answer: how long the version took to begin it."""
BEGUN = "%RESPONSE_DURATION%ms"
"""...as the gateway writes it; an answer of its own has no number there."""
STALLED = "200ms"
"""An answer that has begun, and has not ended after so long, stalls."""
_ONLY_BEGUN = (
    f"'{BEGUN_HEADER}' in response.headers && response.headers['{BEGUN_HEADER}'].matches('^[0-9]')"
    f" && request.duration - duration(response.headers['{BEGUN_HEADER}']) < duration('{STALLED}')"
)
IS_WHOLE = (
    f"(has(response.backend_latency) || response.size >= {BUFFERED_BYTES} || ({_ONLY_BEGUN}))"
)
"""Whether the version has sent its whole answer, in the access log's own language (CEL). If not, it
has not failed either where the gateway waits for the client, or the client left as soon as the head
of the answer came: by then it may know which version it could harm.
"""
_CLIENTS_CLASS = 4

COUNTED = (
    "response.code >= 500 || has(upstream.address) || response.code_details.startsWith('upstream_')"
)
"""Which requests count, in the access log's own language (CEL): those that were sent to a version,
answered or not, or that failed for want of one; a failed gRPC call has code 200. Not counted: what
the gateway refused by itself (`REFUSALS`), and what the client gave up before it was sent on."""
ANSWERED = (
    f"({COUNTED}) && response.code > {NO_ANSWER}"
    f" && (response.code < {_CLIENTS_CLASS}00 || response.code >= {FAILED_CLASS}00)"
    f" && !(response.grpc_status in {sorted(REFUSED_GRPC)} && response.code == 200)"
    f" && (response.code >= {FAILED_CLASS}00 || {IS_WHOLE})"
)
"""Whose latency counts, likewise: not what was refused, which says nothing of how long work takes.
What was never answered has none; `components.judge` takes it for slower than any."""
TOOK = "%COMMON_DURATION(DS_RX_END:DS_TX_BEG:us)%"
"""The latency, as the access log writes it: from the request's last byte to the answer's first, so
that a client that sends or reads slowly is no version's latency."""


def is_unanswered(code: int, flags: str = "", whole: str = "") -> bool:
    """Whether no answer came, or not all of it; ``whole`` is "yes", "no", or empty if unknown."""
    if code // 100 not in (2, 3):
        return code == NO_ANSWER
    return whole == "no" or (not whole and bool(CUT_OFF & set(flags.split(","))))


def is_failed(code: int, grpc: int | None = None, flags: str = "", whole: str = "") -> bool:
    """Whether a request that ended with these statuses counts as failed."""
    return code // 100 == FAILED_CLASS or grpc in FAILED_GRPC or is_unanswered(code, flags, whole)


def is_clients_fault(code: int, grpc: int | None = None) -> bool:
    """Whether the version refused what the client asked: a 4xx that is not the gateway's own."""
    return (code // 100 == _CLIENTS_CLASS and code not in REFUSALS) or grpc in REFUSED_GRPC


def is_request(code: int, grpc: int | None = None) -> bool:
    """Whether it is one of those of which a share may fail: refused ones are a class apart."""
    return code // 100 != _CLIENTS_CLASS and grpc not in REFUSED_GRPC


def _any(codes: Iterable[object]) -> str:
    return "|".join(map(str, codes))


UNANSWERED: tuple[tuple[str, ...], ...] = (
    (f'{CODE}=~"{NO_ANSWER}"',),
    (f'{CODE}=~"[23].."', f'{WHOLE}=~"no"'),
    (f'{CODE}=~"[23].."', f'{FLAGS}=~"(.*,)?({_any(sorted(CUT_OFF))})(,.*)?"', f'{WHOLE}=~""'),
)
"""`is_unanswered` as matchers of `REQUESTS_SERIES`: a series must meet all of one group."""
FAILED: tuple[tuple[str, ...], ...] = (
    (f'{CODE}=~"{FAILED_CLASS}.."',),
    (f'{GRPC_STATUS}=~"{_any(sorted(FAILED_GRPC))}"',),
    *UNANSWERED,
)
"""`is_failed` as such matchers, likewise."""
CLIENTS_FAULT: tuple[tuple[str, ...], ...] = (
    (f'{CODE}=~"{_CLIENTS_CLASS}.."', f'{CODE}!~"{_any(sorted(REFUSALS))}"'),
    (f'{GRPC_STATUS}=~"{_any(sorted(REFUSED_GRPC))}"',),
)
"""`is_clients_fault` as such matchers, likewise."""
REQUEST = (f'{CODE}!~"{_CLIENTS_CLASS}.."', f'{GRPC_STATUS}!~"{_any(sorted(REFUSED_GRPC))}"')
"""`is_request` as matchers of `REQUESTS_SERIES`: a series must meet both."""
USERS = f'{ENDPOINT_LABEL}!=""'
"""The matcher of what users asked: without the twins of `backend(aside=True)`, and without what no
version counted."""

NO_BACKEND = f'{CLUSTER}=~"-?"'
"""The matcher of requests that failed for want of a version to ask, of all endpoints together."""
OF_GRPC = f'{CLUSTER}=~".+{_GRPC}"'
"""The matcher of users' gRPC calls, of all endpoints together."""
ROUTED = f'{ROUTE}=~"httproute/.+"'
"""The matcher of requests whose namespace is read from their route, likewise."""


def backend(endpoint: str, version: str, *, grpc: bool = False, aside: bool = False) -> str:
    """The name under which the gateway knows, and counts, a version of an endpoint.

    ``aside`` names a twin for what is no user's inference request (pinned requests, readiness,
    metadata), so that it can never pass for the users' traffic.
    """
    return f"{endpoint}-v{version}" + _GRPC * grpc + _ASIDE * aside


def users_backends(endpoint: str, version: str) -> tuple[str, str]:
    """The backends that count what users got of a version: REST, and gRPC."""
    return backend(endpoint, version), backend(endpoint, version, grpc=True)


_USERS_BACKEND = rf"(.+)-v([0-9]+(?:-[0-9a-f]{{8}})?(?:{baseline_of('')})?)(?:{_GRPC})?"
"""`users_backends` as RE2 reads them back: endpoint, and version. A twin aside is none."""


def relabelling() -> list[dict[str, Any]]:
    """A scrape job's `metric_relabel_configs` that give the gateway's series the labels of `JOIN`.

    Envoy's own statistics have the backend's name under another label. The namespace is the
    target's, or that of the route where one gateway serves several.
    """
    names = {"source_labels": [CLUSTER, RETRIES_CLUSTER], "separator": "", "regex": _USERS_BACKEND}
    return [
        {**names, "target_label": ENDPOINT_LABEL, "replacement": "$1"},
        {**names, "target_label": VERSION_LABEL, "replacement": "$2"},
        {
            "source_labels": [ROUTE],
            "regex": "httproute/([^/]+)/.+",
            "target_label": NAMESPACE_LABEL,
            "replacement": "$1",
        },
    ]


def is_users_rest(name: str) -> bool:
    """Whether a backend counts users' REST requests, and neither gRPC nor what is aside."""
    return not name.endswith((_GRPC, _ASIDE))


_DIGITS = (
    *(10, 11, 12, 13, 15, 16, 19, 20, 23, 25, 29, 31, 32, 36, 39, 40, 45, 49, 51, 58, 60, 66, 74),
    *(77, 80, 91),
)

EDGES_US: tuple[int, ...] = tuple(
    edge
    for scale in (10, 100, 1000, 10_000, 100_000, 1_000_000)
    for digit in _DIGITS
    if 250 <= (edge := digit * scale) <= 40_000_000
)
"""The edges of the gateway's latency histogram: microseconds, from 0.25 ms to 40 s.

A small model answers within a millisecond on a quiet machine, and a p95 in the first bucket cannot
be compared: its releases would be refused.

Envoy keeps a latency in a bin of two significant digits and counts a bin below an edge only when
all of it lies below: an edge inside a bin is silently rounded down, by up to 9 %. So edges are
borders of bins. The judge holds the share of answers slower than u against the share slower than
v, which for a p95 ratio r must lie between r u and 1.05 r u. These digits are the fewest found (as
an integer programme) with which, for r of 1.2, 1.25, 1.3, 1.5, 1.75, 2 and 3, edges u that have
such a v lie at most 1.3 times apart, so that one is near any p95. Any r from 1.48 to 10 comes with
them. Between two borders under 20 there is no ratio of 1.1, so that one cannot be asked for.
"""


PER_MS = 1000
"""Units of the edges in a millisecond."""


def milliseconds(edge: str, per_ms: float = PER_MS) -> str:
    """An upper edge as a poll writes it, from a series' ``le`` in 1/``per_ms`` of a millisecond."""
    return edge if edge == "+Inf" else f"{float(edge) / per_ms:g}"

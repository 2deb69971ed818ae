"""What the gateway should do, as Envoy's own resources: pure functions, no I/O.

An endpoint's inference requests go to its versions by weight, through one cluster of each version
for REST and one for gRPC: what these count is what users got. Everything else (pinned requests,
readiness, metadata) goes through the twins of these clusters (`components.gateway.backend`), so
that it can never pass for the users' traffic. What is not listed here is not forwarded.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from components import arms, gateway
from components.platform import AT_ONCE, Mirror
from local.credentials import Client
from local.gateway import access
from local.gateway.access import Route
from local.predictors import Backend
from local.servers.envoy_bootstrap import (
    COPY_HEADER,
    GRPC_MIRROR,
    MIRROR,
    ROUTES,
    begun,
    http_protocol,
)

_TYPE = "type.googleapis.com/"
_ANSWERED = "it answers :predict, /infer, /ready and its metadata, over REST and gRPC"

_IDLE_S = 60.0
_IDLE_MARGIN_S = 5.0
"""A stream may be silent for `_IDLE_S`, or for longer than its route's answer may take: of two
timers the one that the endpoint's file does not know must never be the first."""

_ASIDE_AT_ONCE = {
    "max_connections": 4,
    "max_pending_requests": 16,
    "max_requests": 16,
    "max_retries": 0,
}
"""What is asked past the split may take little of a version's time from its users."""


def _users(at_once: int) -> dict[str, int]:
    """What users may have under way at a version."""
    return {
        "max_connections": at_once,
        "max_pending_requests": at_once,
        "max_requests": 2 * at_once,
        "max_retries": 0,
    }


def clusters(backend: Backend) -> list[str]:
    """The names of all clusters of one predictor."""
    return [name for name, *_ in _clusters(backend)]


def _clusters(backend: Backend) -> Iterator[tuple[str, bool, bool]]:
    """Each cluster's name, whether it is for gRPC, and whether it is for what is asked aside."""
    for grpc in (False, True):
        for aside in (False, True):
            name = gateway.backend(backend.endpoint, backend.version, grpc=grpc, aside=aside)
            yield name, grpc, aside
        # Of copies.
        yield shadow(backend.endpoint, backend.version, grpc=grpc), grpc, False


def shadow(endpoint: str, version: str, *, grpc: bool) -> str:
    """The cluster by which copies go to a version, and are counted."""
    return gateway.backend(endpoint, arms.shadow_of(version), grpc=grpc)


def _discovery(resources: list[dict[str, Any]]) -> str:
    digest = hashlib.sha256(json.dumps(resources, sort_keys=True).encode()).hexdigest()[:16]
    return json.dumps({"version_info": digest, "resources": resources}, indent=1)


def version_of(discovery: str) -> str:
    """The version that a rendered discovery file carries."""
    return str(json.loads(discovery)["version_info"])


def render_clusters(backends: Iterable[Backend], at_once: Mapping[str, int]) -> str:
    """The CDS file; ``at_once`` has `Route.at_once` by endpoint, where it has a route."""
    return _discovery(
        [
            _cluster(backend, *each, at_once.get(backend.endpoint, AT_ONCE))
            for backend in sorted(backends, key=lambda b: (b.endpoint, b.version))
            for each in _clusters(backend)
        ]
    )


def _cluster(backend: Backend, name: str, grpc: bool, aside: bool, at_once: int) -> dict[str, Any]:
    port = backend.grpc_port if grpc else backend.http_port
    host = {
        "endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}},
        "metadata": {"filter_metadata": {"sluice": {"version": arms.version_of(backend.version)}}},
    }
    return {
        "@type": _TYPE + "envoy.config.cluster.v3.Cluster",
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [host]}],
        },
        "circuit_breakers": {"thresholds": [_ASIDE_AT_ONCE if aside else _users(at_once)]},
        **http_protocol(grpc=grpc),
    }


def render_routes(
    routes: Iterable[Route], backends: Iterable[Backend], clients: Mapping[str, Client]
) -> str:
    """The RDS file, with the clients' keys and limits: it is a secret."""
    known = list(backends)
    listed = sorted(routes, key=lambda route: route.endpoint)
    entries = []
    for route in listed:
        served = sorted(b.version for b in known if b.endpoint == route.endpoint)
        entries += _entries(route, served, clients)
    entries.append(_answer({"prefix": "/"}, 404, gateway.NO_ENDPOINT))
    host = {
        "name": "gateway",
        "domains": ["*"],
        "routes": entries,
        "response_headers_to_add": [
            {
                # Empty, and so left out, where no version was asked.
                "header": {
                    "key": gateway.VERSION_HEADER,
                    "value": "%UPSTREAM_METADATA(sluice:version)%",
                },
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            },
            begun(),
        ],
        "request_headers_to_remove": [gateway.SHADOW_HEADER, COPY_HEADER],
        "typed_per_filter_config": {
            "envoy.filters.http.api_key_auth": access.keys(clients),
            "envoy.filters.http.local_ratelimit": access.limits(listed),
        },
    }
    return _discovery(
        [
            {
                "@type": _TYPE + "envoy.config.route.v3.RouteConfiguration",
                "name": ROUTES,
                "validate_clusters": True,
                "virtual_hosts": [host],
            }
        ]
    )


def _entries(
    route: Route, served: list[str], clients: Mapping[str, Client]
) -> list[dict[str, Any]]:
    # Who asks for a version gets the predictor of its own name, never its baseline's.
    versions = [arm for arm in served if arms.version_of(arm) == arm]
    name = re.escape(route.endpoint)
    rest = {"safe_regex": {"regex": f"/v1/models/{name}(:predict)?|/v2/models/{name}{_BELOW}"}}
    infer: dict[str, Any] = {
        "safe_regex": {"regex": f"/v2/models/{name}/infer|/v1/models/{name}:predict"}
    }
    for_us = {"name": gateway.ENDPOINT_HEADER, "string_match": {"exact": route.endpoint}}
    methods = "|".join((gateway.GRPC_INFER, *gateway.GRPC_ASIDE))
    grpc = {
        "safe_regex": {"regex": f"{re.escape(gateway.GRPC_SERVICE)}({methods})"},
        "headers": [for_us],
    }
    grpc_infer = {"path": gateway.GRPC_SERVICE + gateway.GRPC_INFER, "headers": [for_us]}
    post = {"name": ":method", "string_match": {"exact": "POST"}}
    pins = []
    kinds: list[tuple[dict[str, Any], bool]] = [(rest, False), (grpc, True)]
    for match, is_grpc in kinds:
        headers = match.get("headers", [])
        for version in versions:
            pin = {"name": gateway.VERSION_HEADER, "string_match": {"exact": version}}
            only = {**match, "headers": [*headers, pin]}
            pins.append(_forward(route, only, {version: 100}, grpc=is_grpc, aside=True))
        pinned = {"name": gateway.VERSION_HEADER, "present_match": True}
        pins.append(_unknown_version(route, {**match, "headers": [*headers, pinned]}, versions))
    pins += _by_path(route, versions)
    entries = [access.only_for(access.may_pin(clients, route.weights), pin) for pin in pins]
    # A version with 0% stays listed, as long as there is a cluster to list.
    shares = {arm: weight for arm, weight in route.weights.items() if weight or arm in served}
    if shares:
        for aside, of_rest, of_grpc in (
            (False, {**infer, "headers": [post]}, grpc_infer),
            (True, rest, grpc),
        ):
            for match, is_grpc in ((of_rest, False), (of_grpc, True)):
                entry = _forward(route, match, shares, grpc=is_grpc, aside=aside)
                if route.mirror and route.mirror.version in served and not aside:
                    policy = _copying(route.endpoint, route.mirror, grpc=is_grpc)
                    entry["route"]["request_mirror_policies"] = [policy]
                entries.append(entry)
    below = {"safe_regex": {"regex": f"/v[12]/models/{name}[/:].*"}}
    for match in (below, {"prefix": gateway.GRPC_SERVICE, "headers": [for_us]}):
        entries.append(_answer(match, 404, f"{route.endpoint}: {_ANSWERED}", route.endpoint))
    return entries


def _copying(endpoint: str, mirror: Mirror, *, grpc: bool) -> dict[str, Any]:
    """That requests are copied, and how the version that is asked a copy can tell it."""
    headers = {
        COPY_HEADER: shadow(endpoint, mirror.version, grpc=grpc),
        gateway.SHADOW_HEADER: mirror.version,
    }
    return {
        "cluster": GRPC_MIRROR if grpc else MIRROR,
        "runtime_fraction": {
            "default_value": {"numerator": mirror.percent, "denominator": "HUNDRED"}
        },
        "disable_shadow_host_suffix_append": True,
        "request_headers_mutations": [
            {
                "append": {
                    "header": {"key": key, "value": value},
                    "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
                }
            }
            for key, value in headers.items()
        ],
    }


_BELOW = "(/(infer|ready))?"
"""What a version, or its endpoint, answers over V2."""


def _by_path(route: Route, versions: list[str]) -> list[dict[str, Any]]:
    """V2's paths that name a version: they pin it, as the header does."""
    below = f"/v2/models/{route.endpoint}/versions/"
    entries = [
        _forward(
            route,
            {"safe_regex": {"regex": f"{re.escape(below + version)}{_BELOW}"}},
            {version: 100},
            grpc=False,
            aside=True,
        )
        for version in versions
    ]
    return [*entries, _unknown_version(route, {"prefix": below}, versions)]


def _unknown_version(route: Route, match: dict[str, Any], versions: list[str]) -> dict[str, Any]:
    known = ", ".join(versions) or "none"
    said = f"{route.endpoint} has no such version: it has {known}"
    return _answer(match, 404, said, route.endpoint)


def _metadata(endpoint: str) -> dict[str, Any]:
    return {"filter_metadata": {"sluice": {"endpoint": endpoint}}}


def _forward(
    route: Route, match: dict[str, Any], weights: Mapping[str, int], *, grpc: bool, aside: bool
) -> dict[str, Any]:
    shares = [
        {
            "name": gateway.backend(route.endpoint, arm, grpc=grpc, aside=aside),
            "weight": weight,
        }
        for arm, weight in sorted(weights.items())
    ]
    return {
        "match": match,
        "metadata": _metadata(route.endpoint),
        "route": {
            "weighted_clusters": {"clusters": shares},
            "timeout": f"{route.timeout_s:.3f}s",
            "idle_timeout": f"{max(_IDLE_S, route.timeout_s + _IDLE_MARGIN_S):.3f}s",
        },
    }


def _answer(
    match: dict[str, Any], status: int, said: str, endpoint: str = "unknown"
) -> dict[str, Any]:
    return {
        "match": match,
        "metadata": _metadata(endpoint),
        "direct_response": {
            "status": status,
            "body": {"inline_string": said},
        },
    }


def split_in(config_dump: Mapping[str, Any], endpoint: str) -> dict[str, int]:
    """The users' split of ``endpoint`` that Envoy's own dump of its routes shows."""
    prefix, shown = gateway.backend(endpoint, ""), _users_route(config_dump, endpoint)
    shares = shown["weighted_clusters"]["clusters"] if shown else []
    return {share["name"].removeprefix(prefix): share["weight"] for share in shares}


def mirror_in(config_dump: Mapping[str, Any], endpoint: str) -> Mirror | None:
    """The mirror of ``endpoint`` that the dump shows."""
    shown = _users_route(config_dump, endpoint) or {}
    for policy in shown.get("request_mirror_policies", []):
        added = [each["append"]["header"] for each in policy["request_headers_mutations"]]
        version = next(each["value"] for each in added if each["key"] == gateway.SHADOW_HEADER)
        return Mirror(version, policy["runtime_fraction"]["default_value"]["numerator"])
    return None


def _users_route(config_dump: Mapping[str, Any], endpoint: str) -> dict[str, Any] | None:
    """What becomes of users' REST requests."""
    for config in config_dump.get("configs", []):
        for host in config.get("route_config", {}).get("virtual_hosts", []):
            for entry in host.get("routes", []):
                about = entry.get("metadata", {}).get("filter_metadata", {}).get("sluice", {})
                if about.get("endpoint") != endpoint or "route" not in entry:
                    continue
                shares = entry["route"]["weighted_clusters"]["clusters"]
                if all(gateway.is_users_rest(share["name"]) for share in shares):
                    route: dict[str, Any] = entry["route"]
                    return route
    return None

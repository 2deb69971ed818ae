"""An endpoint's route as objects, and read back from them: pure functions.

One HTTPRoute ``<endpoint>`` has what users ask, in rules of fixed order: their inference requests,
which alone are counted; what is asked aside of them (readiness, metadata); a probe that tells which
write is in force; and the first two again, by gRPC. A GRPCRoute beside it could never move in the
same write, and the Gateway API refuses one on a host that an HTTPRoute has. Version pins are a
route of their own (`cluster.pins`).

The split, the limits and the number of the write are read from the object itself: nothing beside
it could say something else.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, unquote

from cluster.kinds import BACKEND_TRAFFIC_POLICY, HTTP_ROUTE, Object
from cluster.names import (
    ENDPOINT,
    annotation,
    label_value,
    labels,
    object_name,
    predictor_name,
    said,
)
from cluster.settings import Gateway
from cluster.slots import Slot
from components import arms, gateway
from components.errors import InputError
from components.platform import RouteLimits

PART = "route"
ARM_HEADER = "x-sluice-arm"
"""Of a request behind the gateway: the name under which the chosen predictor is counted
(`components.gateway.backend`). The access log has it even where nobody answers."""
PROBE_HEADER = "x-sluice-probe"
"""Of a request: it asks which write of the route is in force."""
PORT, GRPC_PORT = 80, 8081
"""Of a predictor's Service, as KServe makes it: the pod's own but for the first."""

_LIMIT, _ENDPOINT, _SPLIT = "requests-per-second", "endpoint", "split"
_USERS, _PROBE = 0, 2
"""The places of rules."""
_ASKED = "has(upstream.address)"
"""Whether a version was asked, in Envoy's language (CEL): what the gateway answers by itself names
none."""

_PART_OF_DURATION = re.compile("([0-9]+)(h|ms|m|s)")

_AT_ONCE = {"maxConnections": 512, "maxPendingRequests": 512, "maxParallelRequests": 1024}


@dataclass(frozen=True)
class Route:
    """One endpoint's split and limits."""

    endpoint: str
    slots: tuple[Slot, ...]
    limits: RouteLimits
    write: int = 1
    """How often the route was written."""


def route_object(route: Route, to: Gateway, marks: Mapping[str, str | None]) -> Object:
    """The HTTPRoute. What somebody else may own, its parent and its hosts, is written once.

    Args:
        route: what it is to do.
        to: whose route it is.
        marks: labels for people, see `cluster.marks`; None takes one away.
    """
    metadata = {"name": object_name(route.endpoint), **_metadata(route, marks)}
    return HTTP_ROUTE.object(
        metadata | {"labels": {k: v for k, v in metadata["labels"].items() if v is not None}},
        spec={"parentRefs": parents(to), "rules": _rules(route)},
    )


def parents(to: Gateway) -> list[Object]:
    """What attaches a route to the Gateway."""
    section = {"sectionName": to.listener} if to.listener else {}
    return [{"name": to.name, "namespace": to.namespace, **section}]


def route_patch(route: Route, marks: Mapping[str, str | None], resource_version: str) -> Object:
    """What is changed of an HTTPRoute that is there, if it is still of that version."""
    metadata = {"resourceVersion": resource_version, **_metadata(route, marks)}
    return {"metadata": metadata, "spec": {"rules": _rules(route)}}


def _metadata(route: Route, marks: Mapping[str, str | None]) -> Object:
    return {
        "labels": labels(PART, endpoint=route.endpoint) | dict(marks),
        "annotations": {
            annotation(_ENDPOINT): route.endpoint,
            annotation(_LIMIT): str(route.limits.requests_per_second),
            annotation(_SPLIT): ", ".join(f"{slot.arm}: {slot.parts}" for slot in route.slots),
        },
    }


def paths(endpoint: str, *, users: bool, grpc: bool = False) -> list[str]:
    """Where users ask for inferences, or what is asked aside of them."""
    below = f"/v2/models/{endpoint}"
    if grpc:
        methods = (gateway.GRPC_INFER,) if users else gateway.GRPC_ASIDE
        return [gateway.GRPC_SERVICE + method for method in methods]
    if users:
        return [f"{below}/infer", f"/v1/models/{endpoint}:predict"]
    return [below, f"{below}/ready", f"/v1/models/{endpoint}"]


def for_us(endpoint: str, *, grpc: bool) -> list[dict[str, str]]:
    """The headers of what is asked of the endpoint, where no path names it."""
    return [header(gateway.ENDPOINT_HEADER, endpoint)] if grpc else []


def header(name: str, value: str, how: str = "Exact") -> dict[str, str]:
    """A match of a request's header."""
    return {"type": how, "name": name, "value": value}


def _rules(route: Route) -> list[Object]:
    probe = {
        "path": {"type": "Exact", "value": f"/v2/models/{route.endpoint}"},
        "headers": [header(PROBE_HEADER, route.endpoint)],
    }
    # The one answer that a gateway gives by itself, in every implementation.
    redirect = {
        "path": {"type": "ReplaceFullPath", "replaceFullPath": f"/writes/{route.write}"},
        "statusCode": 302,
    }
    return [
        _split(route, users=True),
        _split(route, users=False),
        {
            "matches": [probe],
            "filters": [{"type": "RequestRedirect", "requestRedirect": redirect}],
        },
        _split(route, users=True, grpc=True),
        _split(route, users=False, grpc=True),
    ]


def _split(route: Route, *, users: bool, grpc: bool = False) -> Object:
    """One rule that divides requests by the weights.

    One match for all of its paths: Envoy Gateway counts each client's rate by match.
    """
    asked = "|".join(map(re.escape, paths(route.endpoint, users=users, grpc=grpc)))
    match: Object = {"path": {"type": "RegularExpression", "value": asked}}
    if users:
        match |= {"method": "POST"}
    if headers := for_us(route.endpoint, grpc=grpc):
        match |= {"headers": headers}
    return {
        "matches": [match],
        "backendRefs": [
            backend(route.endpoint, slot, grpc=grpc, aside=not users) for slot in route.slots
        ],
        "timeouts": {"request": duration(route.limits.timeout_s)},
    }


def backend(endpoint: str, slot: Slot, *, grpc: bool = False, aside: bool = False) -> Object:
    """A place of a rule. Its own filters give it a cluster of its own."""
    name = gateway.backend(endpoint, slot.arm, grpc=grpc, aside=aside)
    version = f'%CEL({_ASKED} ? "{_visible(arms.version_of(slot.arm))}" : "")%'
    return {
        "group": "",
        "kind": "Service",
        "name": service(endpoint, slot.arm),
        "port": GRPC_PORT if grpc else PORT,
        "weight": slot.parts,
        "filters": [
            _set_headers("Request", {ARM_HEADER: _visible(name)}),
            _set_headers(
                "Response",
                {gateway.VERSION_HEADER: version, gateway.BEGUN_HEADER: gateway.BEGUN},
            ),
        ],
    }


def _set_headers(of: str, values: Mapping[str, str]) -> Object:
    """A filter that sets headers of the request or of the response, as Envoy writes them."""
    listed = [{"name": name, "value": value} for name, value in values.items()]
    return {
        "type": f"{of}HeaderModifier",
        f"{of.lower()}HeaderModifier": {"set": listed},
    }


def service(endpoint: str, arm: str) -> str:
    """The Service of a predictor, as KServe names it."""
    return f"{predictor_name(endpoint, arm)}-predictor"


def _visible(text: str) -> str:
    """As a header's value, which Envoy reads as a format; ordinary names stay as they are."""
    return quote(text, safe="-_.~").replace("%", "%%")


def duration(seconds: float) -> str:
    """As the Gateway API writes it: at most four numbers of at most five digits."""
    left = max(1, math.ceil(seconds * 1000))
    parts = []
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, left = divmod(left, size)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts)


_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def _seconds(text: str) -> float:
    """What `duration` wrote."""
    return round(sum(int(n) * _UNITS[unit] for n, unit in _PART_OF_DURATION.findall(text)), 3)


def read(found: Object) -> Route:
    """The split and the limits that an HTTPRoute stands for.

    Raises:
        InputError: somebody has made it another kind of route.
    """
    endpoint = said(found, _ENDPOINT)
    try:
        rules = found["spec"]["rules"]
        users = rules[_USERS]
        slots = tuple(_slot(endpoint, each) for each in users["backendRefs"])
        redirect = rules[_PROBE]["filters"][0]["requestRedirect"]["path"]["replaceFullPath"]
        limits = RouteLimits(int(said(found, _LIMIT)), _seconds(users["timeouts"]["request"]))
        return Route(endpoint, slots, limits, int(redirect.rpartition("/")[2]))
    except (KeyError, IndexError, ValueError, TypeError) as error:
        name = found["metadata"]["name"]
        raise InputError(
            f"HTTPRoute {name} is none that Sluice wrote ({error!r}): 'kubectl delete httproute"
            f" {name}', then release again"
        ) from error


def hosts(found: Object | None) -> list[str]:
    """The hosts that a route is for; none: whatever the listener takes."""
    named: list[str] = ((found or {}).get("spec") or {}).get("hostnames") or []
    return named


def host(found: Object | None) -> str:
    """One host that a route is for."""
    return next(iter(hosts(found)), "sluice").replace("*", "sluice")


def is_written(found: Object) -> bool:
    """Whether the route has rules of ours; one that is only kept in git has not yet."""
    return bool(said(found, _LIMIT))


def _slot(endpoint: str, ref: Mapping[str, Any]) -> Slot:
    name = next(
        unquote(each["requestHeaderModifier"]["set"][0]["value"].replace("%%", "%"))
        for each in ref["filters"]
        if each["type"] == "RequestHeaderModifier"
    )
    return Slot(name.removeprefix(gateway.backend(endpoint, "")), ref["weight"])


def follows(before: Route | None, route: Route) -> Route:
    """The route as the next write after ``before``."""
    return replace(route, write=before.write + 1 if before else 1)


def limits_object(route: Route) -> Object:
    """What holds each client to the endpoint's rate, and the gateway to what a version takes."""
    whose = {ENDPOINT: label_value(route.endpoint)}
    return BACKEND_TRAFFIC_POLICY.object(
        {
            "name": object_name(route.endpoint),
            "labels": labels("limits", endpoint=route.endpoint),
            "annotations": {annotation(_ENDPOINT): route.endpoint},
        },
        spec={
            "targetSelectors": [
                {
                    "group": "gateway.networking.k8s.io",
                    "kind": HTTP_ROUTE.name,
                    # Its pins, too.
                    "matchLabels": whose,
                }
            ],
            **limits(route.limits),
            "retry": {"numRetries": 1, "retryOn": {"triggers": [gateway.RETRY_ON]}},
        },
    )


def limits(held: RouteLimits) -> Object:
    """Of a BackendTrafficPolicy: what each client may ask, and what a version takes."""
    return {
        "rateLimit": {
            "local": {
                "rules": [
                    {
                        "clientSelectors": [
                            {"headers": [{"name": gateway.CLIENT_HEADER, "type": "Distinct"}]}
                        ],
                        "limit": {
                            "requests": held.requests_per_second,
                            "unit": "Second",
                        },
                    }
                ]
            }
        },
        "circuitBreaker": _AT_ONCE,
        "requestBuffer": {"limit": str(gateway.MAX_BODY_BYTES)},
        "timeout": {
            "tcp": {"connectTimeout": "1s"},
            "http": {"connectionIdleTimeout": gateway.UPSTREAM_IDLE},
        },
    }

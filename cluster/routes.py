"""An endpoint's route as objects, and read back from them: pure functions.

One HTTPRoute ``<endpoint>`` has what users ask, in rules of fixed order: their inference requests,
which alone are counted; what is asked aside of them (readiness, metadata); and a probe that tells
which write is in force. Version pins are a route of their own (`cluster.pins`).

The split, the limits and the number of the write are read from the object itself: nothing beside
it could say something else.
"""

import math
import re
from collections.abc import Mapping, Sequence
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
PORT = 80
"""Of a predictor's Service, as KServe makes it."""

_LIMIT, _ENDPOINT, _SPLIT = "requests-per-second", "endpoint", "split"
_USERS, _PROBE = 0, 2
"""The places of rules."""

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


def users_paths(endpoint: str) -> list[str]:
    """Where users ask for inferences."""
    return [f"/v2/models/{endpoint}/infer", f"/v1/models/{endpoint}:predict"]


def aside_paths(endpoint: str) -> list[str]:
    """What else a version, or its endpoint, answers."""
    return [f"/v2/models/{endpoint}", f"/v2/models/{endpoint}/ready", f"/v1/models/{endpoint}"]


def matches(
    endpoint: str, *, users: bool, headers: Sequence[Mapping[str, str]] = ()
) -> list[Object]:
    """The matches of users' inference requests, or of what is asked aside of them."""
    more: Object = {"headers": [dict(each) for each in headers]} if headers else {}
    if users:
        more |= {"method": "POST"}
    paths = users_paths(endpoint) if users else aside_paths(endpoint)
    return [{"path": {"type": "Exact", "value": path}, **more} for path in paths]


def header(name: str, value: str, how: str = "Exact") -> dict[str, str]:
    """A match of a request's header."""
    return {"type": how, "name": name, "value": value}


def _rules(route: Route) -> list[Object]:
    timeouts = {"request": duration(route.limits.timeout_s)}
    probe = {
        "path": {"type": "Exact", "value": f"/v2/models/{route.endpoint}"},
        "headers": [header(PROBE_HEADER, route.endpoint)],
    }
    return [
        {
            "matches": matches(route.endpoint, users=True),
            "backendRefs": [backend(route.endpoint, slot) for slot in route.slots],
            "timeouts": timeouts,
        },
        {
            "matches": matches(route.endpoint, users=False),
            "backendRefs": [backend(route.endpoint, slot, aside=True) for slot in route.slots],
            "timeouts": timeouts,
        },
        {
            "matches": [probe],
            # The one answer that a gateway gives by itself, in every implementation.
            "filters": [
                {
                    "type": "RequestRedirect",
                    "requestRedirect": {
                        "path": {
                            "type": "ReplaceFullPath",
                            "replaceFullPath": f"/writes/{route.write}",
                        },
                        "statusCode": 302,
                    },
                }
            ],
        },
    ]


def backend(endpoint: str, slot: Slot, *, aside: bool = False) -> Object:
    """A place of a rule. Its own filters give it a cluster of its own."""
    name = gateway.backend(endpoint, slot.arm, aside=aside)
    return {
        "group": "",
        "kind": "Service",
        "name": service(endpoint, slot.arm),
        "port": PORT,
        "weight": slot.parts,
        "filters": [
            {
                "type": "RequestHeaderModifier",
                "requestHeaderModifier": {"set": [{"name": ARM_HEADER, "value": _visible(name)}]},
            },
            {
                "type": "ResponseHeaderModifier",
                "responseHeaderModifier": {
                    "set": [
                        {
                            "name": gateway.VERSION_HEADER,
                            "value": _visible(arms.version_of(slot.arm)),
                        }
                    ]
                },
            },
        ],
    }


def service(endpoint: str, arm: str) -> str:
    """The Service of a predictor, as KServe names it."""
    return f"{predictor_name(endpoint, arm)}-predictor"


def _visible(text: str) -> str:
    """As a header's value; ordinary names stay as they are."""
    return quote(text, safe="-_.~")


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


def is_written(found: Object) -> bool:
    """Whether the route has rules of ours; one that is only kept in git has not yet."""
    return bool(said(found, _LIMIT))


def _slot(endpoint: str, ref: Mapping[str, Any]) -> Slot:
    name = next(
        unquote(each["requestHeaderModifier"]["set"][0]["value"])
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
            "rateLimit": {
                "local": {
                    "rules": [
                        {
                            "clientSelectors": [
                                {"headers": [{"name": gateway.CLIENT_HEADER, "type": "Distinct"}]}
                            ],
                            "limit": {
                                "requests": route.limits.requests_per_second,
                                "unit": "Second",
                            },
                        }
                    ]
                }
            },
            "circuitBreaker": _AT_ONCE,
            "retry": {"numRetries": 1, "retryOn": {"triggers": [gateway.RETRY_ON]}},
        },
    )

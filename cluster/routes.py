"""An endpoint's route as objects, and read back from them: pure functions.

One HTTPRoute ``<endpoint>`` has what users ask, in five rules: their inference requests,
which alone are counted; what is asked aside of them (readiness, metadata); a probe that tells which
write is in force; and the first two again, by gRPC. A GRPCRoute beside it could never move in the
same write, and the Gateway API refuses one on a host that an HTTPRoute has. Version pins are a
route of their own (`cluster.pins`).

The split, the limits and the number of the write are read from the object itself: nothing beside
it could say something else.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import unquote

from cluster import foreign, mirrors
from cluster.kinds import HTTP_ROUTE, Object
from cluster.mirrors import visible
from cluster.names import annotation, labels, object_name, predictor_name, said
from cluster.settings import Gateway
from cluster.slots import WAKES_S, Slot, Waking
from cluster.spelling import duration, seconds
from components import arms, gateway
from components.errors import InputError
from components.platform import AT_ONCE, Mirror, RouteLimits

PART = "route"
ARM_HEADER = "x-sluice-arm"
"""Of a request behind the gateway: the name under which the chosen predictor is counted
(`components.gateway.backend`). The access log has it even where nobody answers."""
PROBE_HEADER = "x-sluice-probe"
"""Of a request: it asks which write of the route is in force."""
PORT, GRPC_PORT = 80, 8081
"""Of a predictor's Service, as KServe makes it: the pod's own but for the first."""

INTERCEPTOR = "sluice-interceptor"
"""The Service of the interceptors in the namespace of KEDA's HTTP add-on."""
_INTERCEPTOR_PORT, _INTERCEPTOR_GRPC_PORT = 8080, 8081

_LIMIT, _ENDPOINT, _SPLIT = "requests-per-second", "endpoint", "split"
_AT_ONCE = "at-once"
_WRITES = "/writes/"
_ASKED = "has(upstream.address)"
"""Whether a version was asked, in Envoy's language (CEL): what the gateway answers by itself names
none."""


@dataclass(frozen=True)
class Route:
    """One endpoint's split and limits, and who is asked copies."""

    endpoint: str
    slots: tuple[Slot, ...]
    limits: RouteLimits
    write: int = 1
    """How often the route was written."""
    mirror: Mirror | None = None
    """Who is asked copies of users' requests."""


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


def route_patch(route: Route, marks: Mapping[str, str | None], found: Object) -> Object:
    """What is changed of the HTTPRoute ``found``, if it is still of that version.

    What others have added to it stays (`cluster.foreign`).
    """
    version = {"resourceVersion": found["metadata"]["resourceVersion"]}
    ours, joined = partial(_is_ours, route.endpoint), partial(_joined, route.endpoint)
    rules = foreign.merged(rules_in(found), _rules(route), ours, joined)
    return {"metadata": {**version, **_metadata(route, marks)}, "spec": {"rules": rules}}


def rules_in(found: Object) -> list[Object]:
    """The rules of a route, without the one that stands for none where it is kept in git."""
    rules: list[Object] = (found.get("spec") or {}).get("rules") or []
    if is_written(found):
        return rules
    return [each for each in rules if each.get("backendRefs") or each.get("filters")]


def _is_ours(endpoint: str, place: Object) -> bool:
    return _arm(endpoint, place) is not None


def _joined(endpoint: str, ours: Sequence[Object], there: Sequence[Object]) -> list[Object]:
    """Our filters of a rule beside those that others have added."""
    copied = _mirror(endpoint, there)
    services = {service(endpoint, copied.version)} if copied else set()
    others = [each for each in there if not _is_probe(each)]
    return mirrors.joined(ours, others, services)


def _mirror(endpoint: str, there: Sequence[Object]) -> Mirror | None:
    return mirrors.read(there, partial(service, endpoint))


def _is_probe(part: Object) -> bool:
    """Whether a filter tells which write is in force."""
    redirect = part.get("requestRedirect") or {}
    path: str = (redirect.get("path") or {}).get("replaceFullPath", "")
    return path.startswith(_WRITES)


def refuse_sticky(endpoint: str, found: Object) -> None:
    """Check that the route keeps no user with the version that answered once.

    Raises:
        PlatformError: it does.
    """
    ours = _rules(Route(endpoint, (), RouteLimits(1, 1.0)))
    foreign.refuse_sticky(endpoint, rules_in(found), ours)


def _metadata(route: Route, marks: Mapping[str, str | None]) -> Object:
    return {
        "labels": labels(PART, endpoint=route.endpoint) | dict(marks),
        "annotations": {
            annotation(_ENDPOINT): route.endpoint,
            annotation(_LIMIT): str(route.limits.requests_per_second),
            annotation(_AT_ONCE): str(route.limits.at_once),
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
    # The one answer that a gateway gives by itself, in every implementation.
    redirect = {
        "path": {"type": "ReplaceFullPath", "replaceFullPath": f"{_WRITES}{route.write}"},
        "statusCode": 302,
    }
    return [
        _split(route, users=True),
        _split(route, users=False),
        {
            "matches": [_probe(route.endpoint)],
            "filters": [{"type": "RequestRedirect", "requestRedirect": redirect}],
        },
        _split(route, users=True, grpc=True),
        _split(route, users=False, grpc=True),
    ]


def _probe(endpoint: str) -> Object:
    """What asks which write is in force."""
    return {
        "path": {"type": "Exact", "value": f"/v2/models/{endpoint}"},
        "headers": [header(PROBE_HEADER, endpoint)],
    }


def _match(endpoint: str, *, users: bool, grpc: bool = False) -> Object:
    """One match for all of a rule's paths: Envoy Gateway counts each client's rate by match."""
    asked = "|".join(map(re.escape, paths(endpoint, users=users, grpc=grpc)))
    match: Object = {"path": {"type": "RegularExpression", "value": asked}}
    if users:
        match |= {"method": "POST"}
    if headers := for_us(endpoint, grpc=grpc):
        match |= {"headers": headers}
    return match


def _split(route: Route, *, users: bool, grpc: bool = False) -> Object:
    """One rule that divides requests by the weights."""
    port = GRPC_PORT if grpc else PORT
    mirror = route.mirror if users else None
    copies = mirrors.filters(
        mirror, service(route.endpoint, mirror.version if mirror else ""), port
    )
    return {
        "matches": [_match(route.endpoint, users=users, grpc=grpc)],
        **({"filters": copies} if copies else {}),
        "backendRefs": [
            backend(route.endpoint, slot, grpc=grpc, aside=not users) for slot in route.slots
        ],
        "timeouts": {"request": duration(longest(route.limits, route.slots))},
    }


def longest(limits: RouteLimits, slots: Iterable[Slot]) -> float:
    """Seconds that a request may take where it may have to wait for one that sleeps."""
    return limits.timeout_s + (WAKES_S if any(slot.waking for slot in slots) else 0.0)


def backend(endpoint: str, slot: Slot, *, grpc: bool = False, aside: bool = False) -> Object:
    """A place of a rule. Its own filters give it a cluster of its own."""
    name = gateway.backend(endpoint, slot.arm, grpc=grpc, aside=aside)
    version = f'%CEL({_ASKED} ? "{visible(arms.version_of(slot.arm))}" : "")%'
    to: Object = {"name": service(endpoint, slot.arm), "port": GRPC_PORT if grpc else PORT}
    rewritten: list[Object] = []
    asked = {ARM_HEADER: visible(name)}
    if slot.waking:
        port = _INTERCEPTOR_GRPC_PORT if grpc else _INTERCEPTOR_PORT
        to = {"name": INTERCEPTOR, "namespace": slot.waking.namespace, "port": port}
        host = slot.waking.grpc_host if grpc else slot.waking.host
        rewritten = [{"type": "URLRewrite", "urlRewrite": {"hostname": host}}]
        asked[gateway.WAKING_HEADER] = "yes"
    return {
        "group": "",
        "kind": "Service",
        **to,
        "weight": slot.parts,
        "filters": [
            *rewritten,
            _set_headers("Request", asked),
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


def read(found: Object) -> Route:
    """The split and the limits that an HTTPRoute stands for.

    Raises:
        InputError: somebody has made it another kind of route.
    """
    endpoint = said(found, _ENDPOINT)
    try:
        users = _rule(found, _match(endpoint, users=True))
        slots = tuple(_slots(endpoint, users["backendRefs"]))
        asked = _rule(found, _probe(endpoint))["filters"]
        redirect = next(
            each["requestRedirect"]["path"]["replaceFullPath"] for each in asked if _is_probe(each)
        )
        limits = RouteLimits(
            int(said(found, _LIMIT)),
            seconds(users["timeouts"]["request"]) - longest(RouteLimits(0, 0.0), slots),
            int(said(found, _AT_ONCE) or AT_ONCE),
        )
        write = int(redirect.rpartition("/")[2])
        return Route(endpoint, slots, limits, write, _mirror(endpoint, users.get("filters") or []))
    except (KeyError, IndexError, ValueError, TypeError, StopIteration) as error:
        name = found["metadata"]["name"]
        raise InputError(
            f"HTTPRoute {name} is none that Sluice wrote ({error!r}): 'kubectl delete httproute"
            f" {name}', then release again"
        ) from error


def _rule(found: Object, match: Object) -> Object:
    rules: list[Object] = found["spec"]["rules"]
    return next(each for each in rules if each.get("matches") == [match])


def _slots(endpoint: str, refs: Iterable[Object]) -> Iterator[Slot]:
    for each in refs:
        if (arm := _arm(endpoint, each)) is not None:
            rewritten = (part.get("urlRewrite") for part in each["filters"])
            host = next((part["hostname"] for part in rewritten if part), "")
            way = Waking(each["namespace"], host) if each["name"] == INTERCEPTOR else None
            yield Slot(arm, each["weight"], way)


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


def _arm(endpoint: str, ref: Mapping[str, Any]) -> str | None:
    """Whose a place is; None: it is none of ours."""
    for each in ref.get("filters") or []:
        for named in (each.get("requestHeaderModifier") or {}).get("set") or []:
            if named["name"] == ARM_HEADER:
                name = unquote(named["value"].replace("%%", "%"))
                return name.removeprefix(gateway.backend(endpoint, ""))
    return None


def follows(before: Route | None, route: Route) -> Route:
    """The route as the next write after ``before``."""
    return replace(route, write=before.write + 1 if before else 1)

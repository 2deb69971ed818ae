"""An endpoint's route as objects, and read back from them: pure functions.

One HTTPRoute ``<endpoint>`` has what users ask, in five rules: their inference requests,
which alone are counted; what is asked aside of them (readiness, metadata); a probe that tells which
write is in force; and the first two again, by gRPC. A GRPCRoute beside it could never move in the
same write, and the Gateway API refuses one on a host that an HTTPRoute has. Version pins are a
route of their own (`cluster.pins`).

The split, the limits and the number of the write are read from the object itself: nothing beside
it could say something else.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from cluster import attachment, foreign, mirrors, places
from cluster.kinds import HTTP_ROUTE, Object
from cluster.matches import match, probe
from cluster.names import annotation, labels, object_name, said
from cluster.places import GRPC_PORT, PORT, backend, service
from cluster.settings import Gateway
from cluster.slots import WAKES_S, Slot
from cluster.spelling import duration, seconds
from components.errors import InputError, PlatformError
from components.platform import ANSWER_MARGIN_S, AT_ONCE, Mirror, RouteLimits
from components.platform.refusals import refuse_impossible_limits

PART = "route"
_LIMIT, _ENDPOINT, _SPLIT = "requests-per-second", "endpoint", "split"
_AT_ONCE = "at-once"
_WRITES = "/writes/"
_PROBE = "probe"
_KINDS = ("users", "-aside", _PROBE, "-grpc", "-grpc-aside")
"""Of our rules, in their order (`places.of_arm`)."""
UNKNOWN = RouteLimits(200, 600.0 + ANSWER_MARGIN_S)
"""Of a route that does not say its limits any more: no endpoint's requests may take longer."""


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
        spec={"parentRefs": attachment.parents(to), "rules": _rules(route)},
    )


def route_patch(
    route: Route, marks: Mapping[str, str | None], found: Object, to: Gateway | None = None
) -> Object:
    """What is changed of the HTTPRoute ``found``, if it is still of that version.

    What others have added to it stays (`cluster.foreign`). One that had rules of ours and was taken
    off the Gateway ``to`` is attached to it again: no proxy could show what is written.
    """
    version = {"resourceVersion": found["metadata"]["resourceVersion"]}
    if not is_written(found):
        route = replace(route, write=_generation(found) + 1)
    wanted = dict(zip(_KINDS, _rules(route), strict=True))
    rules = foreign.merged(rules_in(found), wanted, _ours(route, found))
    spec: Object = {"rules": rules}
    if to and is_written(found) and not attachment.attached(found, to):
        spec["parentRefs"] = [*(found["spec"].get("parentRefs") or []), *attachment.parents(to)]
    return {"metadata": {**version, **_metadata(route, marks)}, "spec": spec}


def rules_in(found: Object) -> list[Object]:
    """The rules of a route, without the one that stands for none where it is kept in git."""
    rules = _all_rules(found)
    if is_written(found):
        return rules
    return [each for each in rules if each.get("backendRefs") or each.get("filters")]


def _all_rules(found: Object) -> list[Object]:
    rules: list[Object] = (found.get("spec") or {}).get("rules") or []
    return rules


def without_ours(endpoint: str, found: Object) -> list[Object]:
    """The rules of others, and those of ours to which others have added places."""
    nothing = Route(endpoint, (), UNKNOWN)
    matches = [each["matches"] for each in _rules(nothing)]
    return foreign.without(rules_in(found), matches, _ours(nothing, found))


def _ours(route: Route, found: Object) -> foreign.Ours:
    """How what we wrote into a route is known."""
    endpoint, known = route.endpoint, {*_arms(found), *(slot.arm for slot in route.slots)}

    def written(refs: Sequence[Object]) -> list[Object]:
        marked = [each for each in refs if places.of_arm(endpoint, each)]
        return [*marked, *places.unmarked(endpoint, refs, known)]

    return foreign.Ours(partial(_kind, endpoint), written, partial(_joined, endpoint))


def _arms(found: Object) -> list[str]:
    """The arms among which requests were last divided."""
    parts = said(found, _SPLIT).split(", ")
    return [part.rpartition(": ")[0] for part in parts if part]


def _kind(endpoint: str, rule: Object) -> str:
    """Which rule of ours it is, by what we wrote into it; empty: it is none."""
    if any(map(_is_probe, rule.get("filters") or [])):
        return _PROBE
    found = (places.of_arm(endpoint, each) for each in rule.get("backendRefs") or [])
    return next((each[1] for each in found if each), "")


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
            "matches": [probe(route.endpoint)],
            "filters": [{"type": "RequestRedirect", "requestRedirect": redirect}],
        },
        _split(route, users=True, grpc=True),
        _split(route, users=False, grpc=True),
    ]


def _split(route: Route, *, users: bool, grpc: bool = False) -> Object:
    """One rule that divides requests by the weights."""
    port = GRPC_PORT if grpc else PORT
    mirror = route.mirror if users else None
    copies = mirrors.filters(
        mirror, service(route.endpoint, mirror.version if mirror else ""), port
    )
    return {
        "matches": [match(route.endpoint, users=users, grpc=grpc)],
        **({"filters": copies} if copies else {}),
        "backendRefs": [
            backend(route.endpoint, slot, grpc=grpc, aside=not users) for slot in route.slots
        ],
        "timeouts": {"request": duration(longest(route.limits, route.slots))},
    }


def longest(limits: RouteLimits, slots: Iterable[Slot]) -> float:
    """Seconds that a request may take where it may have to wait for one that sleeps."""
    return limits.timeout_s + (WAKES_S if any(slot.waking for slot in slots) else 0.0)


def read(found: Object) -> Route:
    """The split and the limits that an HTTPRoute stands for.

    Raises:
        InputError: somebody has changed what we wrote.
    """
    endpoint = said(found, _ENDPOINT)
    try:
        users = _rule(found, match(endpoint, users=True), "users' requests")
        asked = _rule(found, probe(endpoint), "the probe of its writes")
        limits = RouteLimits(
            int(said(found, _LIMIT)), _timeout(users), int(said(found, _AT_ONCE) or AT_ONCE)
        )
        refuse_impossible_limits(endpoint, limits)
        split = _split_of(endpoint, found, users)
        if not split:
            raise ValueError("the places of its versions are not as they were")
        mirror = _mirror(endpoint, users.get("filters") or [])
        return Route(endpoint, split, limits, _number(asked), mirror)
    except (KeyError, IndexError, ValueError, TypeError, PlatformError) as error:
        name = found["metadata"]["name"]
        said_so = error if type(error) in (ValueError, PlatformError) else repr(error)
        raise InputError(
            f"HTTPRoute {name}: somebody has changed what Sluice wrote there ({said_so}): take that"
            f" back, or 'kubectl delete httproute {name}' while no release of it is under way, then"
            " release again"
        ) from error


def ours(endpoint: str, found: Object | None) -> Route | None:
    """What is left of a route, whatever somebody has done to it; None: nothing of ours."""
    return left(endpoint, found) if found and is_written(found) else None


def left(endpoint: str, found: Object) -> Route:
    """The same of a route that somebody may have changed; without places where nothing is sure."""
    with suppress(InputError):
        if (route := read(found)).endpoint == endpoint:
            return route
    users = _rule_of(endpoint, found, match(endpoint, users=True), "users")
    asked = _rule_of(endpoint, found, probe(endpoint), _PROBE)
    limits = _possible(
        endpoint,
        RouteLimits(
            _or(lambda: int(said(found, _LIMIT)), UNKNOWN.requests_per_second),
            _or(lambda: _timeout(users), UNKNOWN.timeout_s),
            _or(lambda: int(said(found, _AT_ONCE)), UNKNOWN.at_once),
        ),
    )
    write = _or(lambda: _number(asked), _generation(found))
    split = _split_of(endpoint, found, users) if asked else ()
    return Route(endpoint, split, limits, write, _mirror(endpoint, users.get("filters") or []))


def _possible(endpoint: str, limits: RouteLimits) -> RouteLimits:
    """The limits, if they can be asked for again: `0s`, to the Gateway API, is none at all."""
    try:
        refuse_impossible_limits(endpoint, limits)
    except PlatformError:
        return UNKNOWN
    return limits


def _rule_of(endpoint: str, found: Object, exact: Object, kind: str) -> Object:
    """The rule with that match alone, else the first that is of this kind; {} without one."""
    rules = _all_rules(found)
    exactly = [each for each in rules if each.get("matches") == [exact]]
    return next(iter([*exactly, *(each for each in rules if _kind(endpoint, each) == kind)]), {})


_Read = TypeVar("_Read")


def _or(read: Callable[[], _Read], default: _Read) -> _Read:
    try:
        return read()
    except (KeyError, ValueError, TypeError):
        return default


def _generation(found: Object) -> int:
    """Each write makes one more of these: what comes after it, no proxy has shown."""
    return int(found["metadata"].get("generation", 0))


def _timeout(users: Object) -> float:
    sleeps = any(ref.get("name") == places.INTERCEPTOR for ref in users.get("backendRefs") or [])
    return seconds(users["timeouts"]["request"]) - WAKES_S * sleeps


def _number(asked: Object) -> int:
    redirect: Object = next(filter(_is_probe, asked.get("filters") or []), {})
    return int(redirect["requestRedirect"]["path"]["replaceFullPath"].rpartition("/")[2])


def _split_of(endpoint: str, found: Object, users: Object) -> tuple[Slot, ...]:
    """What the places of a rule stand for; () if one of them is ours no more by its filters."""
    refs = users.get("backendRefs") or []
    if places.unmarked(endpoint, refs, _arms(found)):
        return ()
    return tuple(places.slots(endpoint, refs))


def _rule(found: Object, match: Object, of: str) -> Object:
    for each in _all_rules(found):
        if each.get("matches") == [match]:
            return each
    raise ValueError(f"no rule has the match of {of}, alone")


def is_written(found: Object) -> bool:
    """Whether the route had rules of ours; one that is only kept in git has not yet.

    Whatever somebody took away of them: one of these annotations may be left, or a whole rule.
    """
    if any(said(found, each) for each in (_LIMIT, _AT_ONCE, _SPLIT)):
        return True
    name = found["metadata"]["name"]
    return any(
        rule.get("matches") == [match(name, users=True)] and _kind(name, rule)
        for rule in _all_rules(found)
    )


def follows(before: Route | None, route: Route) -> Route:
    """The route as the next write after ``before``."""
    return replace(route, write=before.write + 1 if before else 1)

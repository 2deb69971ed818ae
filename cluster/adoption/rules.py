"""The rules of a team's route and of ours while one takes over from the other: pure functions.

A proxy hears of routes and of clusters by two ways, and who is sent to a cluster that is not there
yet, or no more, gets 500. So no write moves users and makes, or takes away, a cluster at once. Ours
come first with a header that nobody sends (staged), and then without; the team's get a header that
nobody sends (retired), and go when every proxy has heard of that.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import filterfalse

from cluster import foreign, mirrors
from cluster.attachment import attached
from cluster.kinds import Object
from cluster.matches import PROBE_HEADER, header, paths
from cluster.rivals import meet
from cluster.settings import Gateway
from components.errors import InputError

STAGED, RETIRED = "x-sluice-staged", "x-sluice-retired"
_ANY = {"path": {"type": "PathPrefix", "value": "/"}}
"""What a rule without matches takes."""
_MOVES = {"RequestRedirect", "URLRewrite"}
"""Filters by which a rule answers, or asks for, something else."""


def staged(rules: Iterable[Object], endpoint: str) -> list[Object]:
    """Rules of ours as nobody's request meets them but for the probe."""
    return [rule if _is_probe(rule) else _narrowed(rule, STAGED, endpoint) for rule in rules]


def revealed(rules: Iterable[Object], probe: Object) -> list[Object]:
    """The rules of a route, the staged ones among them in force for users, with this probe."""
    return [
        probe
        if _is_probe(rule)
        else {**rule, "matches": [_without(match, STAGED) for match in _matches(rule)]}
        for rule in rules
    ]


def is_staged(found: Object) -> bool:
    """Whether a route has rules of ours that are staged."""
    return any(_has(rule, STAGED) for rule in _rules(found))


def is_retired(rule: Object) -> bool:
    """Whether nobody's request meets a rule of a team's any more."""
    return _has(rule, RETIRED)


def probe_in(rules: Iterable[Object]) -> Object:
    """The rule of ours that tells which write is in force."""
    return next(filter(_is_probe, rules))


def _is_probe(rule: Object) -> bool:
    return _has(rule, PROBE_HEADER)


def _has(rule: Object, name: str) -> bool:
    return any(
        each["name"].lower() == name
        for match in rule.get("matches") or []
        for each in match.get("headers") or []
    )


def _narrowed(rule: Object, name: str, endpoint: str) -> Object:
    added = header(name, endpoint)
    matches = [
        {**match, "headers": [*(match.get("headers") or []), added]} for match in _matches(rule)
    ]
    return {**rule, "matches": matches}


def _without(match: Object, name: str) -> Object:
    left = [each for each in match.get("headers") or [] if each["name"].lower() != name]
    rest = {key: value for key, value in match.items() if key != "headers"}
    return {**rest, "headers": left} if left else rest


def _matches(rule: Object) -> list[Object]:
    return rule.get("matches") or [dict(_ANY)]


def _rules(found: Object) -> list[Object]:
    rules: list[Object] = (found.get("spec") or {}).get("rules") or []
    return rules


@dataclass(frozen=True)
class Theirs:
    """The rules of a team's route, by what becomes of them."""

    retire: tuple[int, ...] = ()
    """Places of rules that lead to the predictor by the model's own paths."""
    retired: tuple[int, ...] = ()
    wide: tuple[int, ...] = ()
    """Of those that lead to it by other paths, too: they stay."""
    foreign: tuple[int, ...] = ()
    """Of those that have nothing to do with it."""
    filters: tuple[Object, ...] = ()
    """What the first ones do to requests, which ours are to do as well."""


def sort(found: Object, endpoint: str, services: Collection[str]) -> Theirs:
    """What is to become of the rules of a team's route.

    Args:
        found: the route.
        endpoint: whose rules of ours are to take over.
        services: those that lead to the predictor.

    Raises:
        InputError: a rule cannot be taken over, or would take precedence over ours; says the mend.
    """
    kinds: dict[str, list[int]] = {"retire": [], "retired": [], "wide": [], "foreign": []}
    for place, rule in enumerate(_rules(found)):
        kinds[_kind(found, place, rule, endpoint, services)].append(place)
    taken = [_rules(found)[place] for place in kinds["retire"]]
    return Theirs(
        **{kind: tuple(places) for kind, places in kinds.items()},
        filters=tuple(_filters(found, taken)),
    )


def _kind(found: Object, place: int, rule: Object, endpoint: str, services: Collection[str]) -> str:
    if is_retired(rule):
        return "retired"
    leads = [_service(each) in services for each in rule.get("backendRefs") or []]
    if not any(leads):
        return "foreign"
    where = f"HTTPRoute {found['metadata']['name']}: rule {place + 1}"
    if not all(leads):
        raise InputError(f"{where} divides its requests: let it lead to one Service alone, first")
    taken = [_path(match) for match in _matches(rule)]
    if all(_is_within(kind, value, endpoint) for kind, value in taken):
        return "retire"
    first = [value for kind, value in taken if _precedes(kind, value, endpoint)]
    if first:
        raise InputError(
            f"{where} takes {first[0]!r} before ours do, and more than the model's own paths: give"
            " these a rule of their own, or write a PathPrefix"
        )
    return "wide"


def _service(place: Object) -> str:
    of_services = place.get("kind", "Service") == "Service" and not place.get("group")
    return str(place["name"]) if of_services else ""


def _path(match: Object) -> tuple[str, str]:
    path = match.get("path") or _ANY["path"]
    return path.get("type", "PathPrefix"), path.get("value", "/")


def _ours(endpoint: str) -> list[str]:
    """The paths that rules of ours take, by REST."""
    return [*paths(endpoint, users=True), *paths(endpoint, users=False)]


def _is_within(kind: str, value: str, endpoint: str) -> bool:
    """Whether a match takes the model's own paths alone."""
    if kind != "RegularExpression":
        return re.fullmatch(rf"/v[12]/models/{re.escape(endpoint)}([:/].*)?", value) is not None
    others = [*_ours(f"{endpoint}-x"), *_ours(f"x-{endpoint}")]
    return _takes(value, _ours(endpoint)) and not _takes(value, ["/", *others])


def _takes(pattern: str, asked: Sequence[str]) -> bool:
    try:
        return any(re.fullmatch(pattern, path) for path in asked)
    except re.error:
        return False


def _precedes(kind: str, value: str, endpoint: str) -> bool:
    """Whether requests for inference at a host could meet such a match rather than ours."""
    if kind == "RegularExpression":
        return _takes(value, _ours(endpoint))
    return kind == "Exact" and value in _ours(endpoint)


def _filters(found: Object, taken: Sequence[Object]) -> list[Object]:
    """The filters that all of these rules have."""
    name = found["metadata"]["name"]
    listed: list[list[Object]] = [rule.get("filters") or [] for rule in taken]
    if any(each != listed[0] for each in listed):
        raise InputError(f"HTTPRoute {name}: its rules have different filters: make them the same")
    for each in listed[0] if listed else []:
        if each["type"] in _MOVES:
            raise InputError(
                f"HTTPRoute {name}: its filter {each['type']} makes other requests of the users':"
                " the InferenceService has to answer the paths of its endpoint itself"
            )
    if any(place.get("filters") for rule in taken for place in rule.get("backendRefs") or []):
        raise InputError(f"HTTPRoute {name}: a backendRef has filters: let its rule have them")
    return listed[0] if listed else []


def with_filters(rules: Sequence[Object], added: Sequence[Object], endpoint: str) -> list[Object]:
    """Rules of ours that do to the model's requests by REST what the team's have done."""
    return [
        {**rule, "filters": mirrors.joined(rule.get("filters") or [], added, ())}
        if added
        and any(_is_within(*_path(match), endpoint) for match in _matches(rule))
        and not _is_probe(rule)
        else rule
        for rule in rules
    ]


def retired(found: Object, places: Collection[int], endpoint: str) -> list[Object]:
    """The rules of the route, those in these places such that nobody's request meets them."""
    return [
        _narrowed(rule, RETIRED, endpoint) if place in places else rule
        for place, rule in enumerate(_rules(found))
    ]


def emptied(found: Object) -> list[Object]:
    """The rules of the route, the retired ones without any place to lead to.

    They stay where they are: a proxy names the clusters of those after them by their places.
    """
    redirect = {
        "type": "RequestRedirect",
        "requestRedirect": {
            "path": {"type": "ReplaceFullPath", "replaceFullPath": "/"},
            "statusCode": 302,
        },
    }
    return [
        {"matches": rule["matches"], "filters": [redirect]} if is_retired(rule) else rule
        for rule in _rules(found)
    ]


def leads_to(found: Object, services: Collection[str]) -> bool:
    """Whether some rule of the route leads to one of the Services."""
    return any(
        _service(place) in services
        for rule in _rules(found)
        for place in rule.get("backendRefs") or []
    )


def leads_anywhere(found: Object) -> bool:
    """Whether a retired rule of the route still has a place to lead to."""
    return any(is_retired(rule) and rule.get("backendRefs") for rule in _rules(found))


def clash(
    endpoint: str,
    hosts: Sequence[str],
    routes: Iterable[Object],
    to: Gateway,
    known: Callable[[Object], bool],
) -> str:
    """Which other route has the model's paths at one of the hosts, as namespace/name; or empty.

    A rule that nobody's request meets any more has none.

    Args:
        endpoint: whose paths.
        hosts: at which hosts; none: whatever the listener takes.
        routes: those that there are.
        to: the Gateway.
        known: whether a route is that of the endpoint, or the one that is taken over.
    """
    for found in routes:
        theirs = (found.get("spec") or {}).get("hostnames") or []
        if known(found) or not attached(found, to) or not meet(hosts, theirs):
            continue
        for rule in filterfalse(is_retired, _rules(found)):
            for kind, value in map(_path, _matches(rule)):
                if _precedes(kind, value, endpoint) or _is_within(kind, value, endpoint):
                    return f"{found['metadata']['namespace']}/{found['metadata']['name']}"
    return ""


def refuse_sticky(endpoint: str, found: Object, places: Collection[int]) -> None:
    """Check that no rule that is taken over keeps a user with whoever answered once.

    Raises:
        PlatformError: one does.
    """
    taken = [rule for place, rule in enumerate(_rules(found)) if place in places]
    foreign.refuse_sticky(endpoint, taken, taken)


def described(rule: Mapping[str, object]) -> str:
    """What a rule takes, in a few words."""
    taken = [_path(match) for match in _matches(dict(rule))]
    return ", ".join(f"{kind} {value}" for kind, value in taken)


def rule_at(found: Object, place: int) -> Object:
    """The rule in a place of a route."""
    return _rules(found)[place]

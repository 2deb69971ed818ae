"""Who may name the version that answers, and the route by which that is done: pure functions.

A pinned request is no evidence, so it goes by a route of its own. While two versions are compared
only the platform may ask so (`components.gateway.may_pin`): the route's label says which of two
policies holds for it.
"""

from collections.abc import Mapping, Sequence

from cluster.attachment import parents
from cluster.keys import SECRET_NAME, Clients
from cluster.kinds import HTTP_ROUTE, HTTP_ROUTE_FILTER, SECURITY_POLICY, Object
from cluster.matches import for_us, header, paths
from cluster.names import annotation, labels, object_name
from cluster.places import backend
from cluster.routes import PART as USERS
from cluster.routes import longest
from cluster.settings import Gateway
from cluster.slots import WHOLE, Slot, Waking
from cluster.spelling import duration
from components import arms, gateway
from components.platform import RouteLimits

PART = "pins"
_WHO = annotation("pins")
OPEN, CLOSED = "open", "closed"
_MOST = 7
"""Versions with pins, the newest: two rules each of the 16 that an HTTPRoute may have. Of the two
that are left, one is for the other versions, one for one that enters."""
NOBODY = "sluice-no-version"
"""The filter that answers who names a version that is not there."""


def name(endpoint: str) -> str:
    """Of the route: no endpoint's name has a full stop."""
    return f"{object_name(endpoint)}.{PART}"


def entered(endpoint: str, arm: str) -> str:
    """Where a version answers once the proxies know its place, and nobody does before."""
    return f"{_below(endpoint)}{arm}/entered"


def _below(endpoint: str) -> str:
    return f"/v2/models/{endpoint}/versions/"


def may(weights: Mapping[str, int]) -> str:
    """Whose pins the route takes under this split."""
    return OPEN if gateway.may_pin("operator", weights) else CLOSED


def pins_object(
    endpoint: str,
    served: Sequence[str],
    limits: RouteLimits,
    who: str,
    to: Gateway,
    *,
    hosts: Sequence[str] = (),
    waking: Mapping[str, Waking] = {},
    enters: str = "",
) -> Object:
    """The HTTPRoute of the pins of an endpoint whose ``served`` arms have predictors.

    Its ``hosts`` are those of the endpoint's route: a request is matched by its host first.
    ``waking`` are the ways to arms that may sleep. ``enters`` is an arm of which somebody asks
    whether the proxies know its place (`entered`): a rule that was not there, and goes again.
    """
    below = _below(endpoint)
    # Who asks for a version gets the predictor of its own name, never its baseline's.
    known = sorted((arm for arm in served if arms.version_of(arm) == arm), key=_by_number)
    versions = known[-_MOST:]
    rules = [
        _pin(endpoint, Slot(version, WHOLE, waking.get(version)), below, limits, grpc=grpc)
        for version in versions
        for grpc in (False, True)
    ]
    named = header(gateway.VERSION_HEADER, ".*", "RegularExpression")
    unknown = {
        "matches": [
            *_named(endpoint, named, grpc=False),
            *_named(endpoint, named, grpc=True),
            {"path": {"type": "PathPrefix", "value": below.rstrip("/")}},
        ],
        "filters": [answers(NOBODY)],
    }
    # Last: what comes after another rule has a new place, too, when that one goes.
    asked = [_place(endpoint, Slot(enters, WHOLE, waking.get(enters)))] if enters else []
    return HTTP_ROUTE.object(
        {
            "name": name(endpoint),
            "labels": labels(PART, endpoint=endpoint) | {_WHO: who},
            "annotations": {annotation("endpoint"): endpoint},
        },
        spec={
            "parentRefs": parents(to),
            "hostnames": list(hosts),
            "rules": [*rules, unknown, *asked],
        },
    )


def answers(name: str) -> Object:
    """The filter of a rule that answers by the HTTPRouteFilter ``name``."""
    reference = {
        "group": HTTP_ROUTE_FILTER.version.partition("/")[0],
        "kind": HTTP_ROUTE_FILTER.name,
        "name": name,
    }
    return {"type": "ExtensionRef", "extensionRef": reference}


def _by_number(version: str) -> tuple[int, str]:
    return len(version), version


def _pin(endpoint: str, slot: Slot, below: str, limits: RouteLimits, *, grpc: bool) -> Object:
    version = slot.arm
    ends = () if grpc else ("", "/infer", "/ready")
    return {
        "matches": [
            *_named(endpoint, header(gateway.VERSION_HEADER, version), grpc=grpc),
            *({"path": {"type": "Exact", "value": f"{below}{version}{end}"}} for end in ends),
        ],
        "backendRefs": [backend(endpoint, slot, grpc=grpc, aside=True)],
        "timeouts": {"request": duration(longest(limits, [slot]))},
    }


def _place(endpoint: str, slot: Slot) -> Object:
    return {
        "matches": [{"path": {"type": "Exact", "value": entered(endpoint, slot.arm)}}],
        "backendRefs": [backend(endpoint, slot, aside=True)],
    }


def _named(endpoint: str, version: Mapping[str, str], *, grpc: bool) -> list[Object]:
    """Whatever can be asked of an endpoint, by this header of the version."""
    return [
        {
            # A whole path is matched before a pattern, so before what the split divides.
            "path": {"type": "Exact", "value": path},
            "headers": [*for_us(endpoint, grpc=grpc), dict(version)],
        }
        for users in (True, False)
        for path in paths(endpoint, users=users, grpc=grpc)
    ]


def policies(known: Clients) -> list[Object]:
    """Which keys the routes of a namespace take."""
    operators = sorted(client for client in known.keys if known.role(client) == "operator")
    platform = [gateway.PLATFORM_CLIENT]
    return [
        _policy("sluice-users", {**labels(USERS)}, None),
        _policy("sluice-pins-open", labels(PART) | {_WHO: OPEN}, [*platform, *operators]),
        _policy("sluice-pins-closed", labels(PART) | {_WHO: CLOSED}, platform),
    ]


def _policy(named: str, routes: Mapping[str, str], only: Sequence[str] | None) -> Object:
    spec: Object = {
        "targetSelectors": [
            {
                "group": HTTP_ROUTE.version.partition("/")[0],
                "kind": HTTP_ROUTE.name,
                "matchLabels": dict(routes),
            }
        ],
        **key_auth(SECRET_NAME),
        **({} if only is None else only_for(only)),
    }
    return SECURITY_POLICY.object({"name": named, "labels": labels("policy")}, spec=spec)


def key_auth(secret: str) -> Object:
    """Of a SecurityPolicy: only the clients whose keys a Secret has may ask."""
    return {
        "apiKeyAuth": {
            "credentialRefs": [{"group": "", "kind": "Secret", "name": secret}],
            "extractFrom": [{"headers": [gateway.KEY_HEADER]}],
            "forwardClientIDHeader": gateway.CLIENT_HEADER,
            "sanitize": True,
        }
    }


def only_for(clients: Sequence[str]) -> Object:
    """Of a SecurityPolicy: only these of them."""
    allowed = {"headers": [{"name": gateway.CLIENT_HEADER, "values": list(clients)}]}
    rules = [{"name": "pins", "action": "Allow", "principal": allowed}] if clients else []
    return {"authorization": {"defaultAction": "Deny", "rules": rules}}


def nobody() -> Object:
    """The filter `NOBODY`."""
    said = "no such version here: 'sluice status' lists what is served\n"
    return HTTP_ROUTE_FILTER.object(
        {"name": NOBODY, "labels": labels("policy")},
        spec={
            "directResponse": {
                "statusCode": 404,
                "contentType": "text/plain",
                "body": {"type": "Inline", "inline": said},
            }
        },
    )

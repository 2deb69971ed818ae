"""Which requests are an endpoint's, as the matches of its route's rules: pure functions."""

import re

from cluster.kinds import Object
from components import gateway

PROBE_HEADER = "x-sluice-probe"
"""Of a request: it asks which write of the route is in force."""


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


def probe(endpoint: str) -> Object:
    """What asks which write is in force."""
    return {
        "path": {"type": "Exact", "value": f"/v2/models/{endpoint}"},
        "headers": [header(PROBE_HEADER, endpoint)],
    }


def match(endpoint: str, *, users: bool, grpc: bool = False) -> Object:
    """One match for all of a rule's paths: Envoy Gateway counts each client's rate by match."""
    asked = "|".join(map(re.escape, paths(endpoint, users=users, grpc=grpc)))
    taken: Object = {"path": {"type": "RegularExpression", "value": asked}}
    if users:
        taken |= {"method": "POST"}
    if headers := for_us(endpoint, grpc=grpc):
        taken |= {"headers": headers}
    return taken

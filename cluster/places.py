"""The places of a route's rules, to which requests go, and how ours are known: pure functions."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from cluster.kinds import Object
from cluster.mirrors import visible
from cluster.names import predictor_name
from cluster.slots import Slot, Waking
from components import arms, gateway

ARM_HEADER = "x-sluice-arm"
"""Of a request behind the gateway: the name under which the chosen predictor is counted
(`components.gateway.backend`). The access log has it even where nobody answers."""
PORT, GRPC_PORT = 80, 8081
"""Of a predictor's Service, as KServe makes it: the pod's own but for the first."""

INTERCEPTOR = "sluice-interceptor"
"""The Service of the interceptors in the namespace of KEDA's HTTP add-on."""
_INTERCEPTOR_PORT, _INTERCEPTOR_GRPC_PORT = 8080, 8081

_ASKED = "has(upstream.address)"
"""Whether a version was asked, in Envoy's language (CEL): what the gateway answers by itself names
none."""
_TWINS = tuple(
    gateway.backend("", "", grpc=grpc, aside=aside).removeprefix(gateway.backend("", ""))
    for grpc in (True, False)
    for aside in (True, False)
)
"""What is added to an arm's name by the kind of requests that a place takes; the longest first."""


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


def of_arm(endpoint: str, ref: Mapping[str, Any]) -> tuple[str, str] | None:
    """Whose a place is, and which requests it takes; None: nothing says that it is ours."""
    mine = gateway.backend(endpoint, "")
    for each in ref.get("filters") or []:
        for named in (each.get("requestHeaderModifier") or {}).get("set") or []:
            name = unquote(named["value"].replace("%%", "%"))
            if named["name"] == ARM_HEADER and name.startswith(mine):
                twin = next(twin for twin in _TWINS if name.endswith(twin))
                return name.removeprefix(mine).removesuffix(twin), twin or "users"
    return None


def unmarked(endpoint: str, refs: Sequence[Object], known: Collection[str]) -> list[Object]:
    """Of a rule's places those of ``known`` arms whose filters somebody took.

    An arm that has its own place there lost none: another one that leads to it is somebody else's.
    """
    marked = {found[0] for each in refs if (found := of_arm(endpoint, each))}
    services = {service(endpoint, arm) for arm in known if arm not in marked}
    return [each for each in refs if each.get("name") in services and not of_arm(endpoint, each)]


def slots(endpoint: str, refs: Iterable[Object]) -> Iterator[Slot]:
    """What our places among these stand for."""
    for each in refs:
        if (found := of_arm(endpoint, each)) is not None:
            rewritten = (part.get("urlRewrite") for part in each["filters"])
            host = next((part["hostname"] for part in rewritten if "hostname" in (part or {})), "")
            way = Waking(each["namespace"], host) if each["name"] == INTERCEPTOR else None
            yield Slot(found[0], each.get("weight", 1), way)

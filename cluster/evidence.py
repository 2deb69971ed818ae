"""What makes the Gateway's proxies count and answer as a laptop's gateway does: pure functions.

The listener gets the same access loggers; they know a predictor by the header that each place of a
route sets (`cluster.places.ARM_HEADER`), which nobody from outside may bring along.
"""

from typing import Any

from cluster import copies
from cluster.kinds import Kind, Object
from cluster.names import labels
from cluster.places import ARM_HEADER
from cluster.settings import Gateway
from components import envoy, gateway

PATCH_POLICY = Kind("gateway.envoyproxy.io/v1alpha1", "EnvoyPatchPolicy", "envoypatchpolicies")
CLIENT_POLICY = Kind(
    "gateway.envoyproxy.io/v1alpha1", "ClientTrafficPolicy", "clienttrafficpolicies"
)
NAME = "sluice-evidence"
_MANAGER = "/default_filter_chain/filters/0/typed_config"
_ENCRYPTED_MANAGER = "/filter_chains/0/filters/0/typed_config"
"""Where a listener has what handles HTTP: one with a certificate chooses a chain by the name that
is asked for."""
_LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener"
_FLUSH = "0.5s"
_STATISTICS = (
    # By this Envoy Gateway's shutdown manager sees that a proxy which ends has no user left.
    r"server\.total_connections",
    r"listener_manager\.listener_modified",
    copies.STATISTICS,
)
"""What is kept of Envoy's own beside the laptop's: of every cluster it has a hundred more."""


def policies(to: Gateway, listener: str, *, encrypted: bool = False) -> list[Object]:
    """The policies of one listener of the Gateway; Envoy Gateway must allow EnvoyPatchPolicy."""
    manager = _ENCRYPTED_MANAGER if encrypted else _MANAGER
    target = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": to.name}
    metadata = {"name": NAME, "labels": labels("policy")}
    route = {"name": gateway.ROUTE, "value_format": "%ROUTE_NAME%"}
    ours = [ARM_HEADER, gateway.SHADOW_HEADER, gateway.WAKING_HEADER]
    loggers = envoy.counting(f"%REQ({ARM_HEADER})%")
    for each in loggers:
        # Whose it is: two teams may have an endpoint of the same name.
        for stat in _stats(each["typed_config"]):
            stat["tags"].append(route)
    patches = [
        *(("add", f"{manager}/access_log/{place}", each) for place, each in enumerate(loggers)),
        ("add", f"{manager}/local_reply_config", envoy.errors()),
    ]
    return [
        PATCH_POLICY.object(
            metadata,
            spec={
                "targetRef": target,
                "type": "JSONPatch",
                "jsonPatches": [
                    {
                        "type": _LISTENER,
                        "name": f"{to.namespace}/{to.name}/{listener}",
                        "operation": {"op": op, "path": path, "value": value},
                    }
                    for op, path, value in patches
                ],
            },
        ),
        CLIENT_POLICY.object(
            metadata,
            spec={
                "targetRefs": [target],
                "headers": {"earlyRequestHeaders": {"remove": ours}},
            },
        ),
    ]


def _stats(logger: Object) -> list[dict[str, Any]]:
    return [each["stat"] for kind in ("counters", "histograms") for each in logger.get(kind, [])]


def bootstrap_patches() -> list[Object]:
    """Of an EnvoyProxy's ``bootstrap``: which statistics it keeps, and how soon they are there."""
    kept = envoy.statistics(*_STATISTICS)
    kept["histogram_bucket_settings"].append(copies.buckets())
    return [
        {"op": "add", "path": "/stats_config", "value": kept},
        {"op": "add", "path": "/stats_flush_interval", "value": _FLUSH},
    ]

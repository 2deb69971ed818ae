"""Endpoints whose versions are scaled, and how many predictors these have."""

from collections.abc import Mapping
from typing import Any

from components.endpoint import Endpoint
from components.platform import Replicas, Weights
from tests.support.endpoints import endpoint as make_endpoint
from tests.support.rigs import KubernetesRig
from tests.support.waiting import wait_until

CROWD = 12
"""Clients that keep a queue at three small predictors, of which one answers at a time."""
RPS = 4
OUT_S, IN_S = 240.0, 240.0
"""Kubernetes' autoscaler looks each 15 s, and a pod on a busy node starts for half a minute."""


def scaled(
    rig: KubernetesRig, what: str, queue: Mapping[str, Any] = {"deadline": "60s"}, **scaling: Any
) -> Endpoint:
    """An endpoint of small predictors, scaled so."""
    serving = {
        "resources": {"cpu": "60m", "memory": "512Mi"},
        "execution": {"executors": 1, "threads": 1, "batching": "alone"},
        "queue": queue,
        "scaling": {"queue_depth": 2, "cooldown": "10s", **scaling},
    }
    return make_endpoint(rig.name(what), serving=serving)


def replicas(rig: KubernetesRig, endpoint: str, arm: str = "1") -> Replicas:
    """What an arm has now."""
    return rig.platform.scaling.replicas(endpoint)[arm]


def has(rig: KubernetesRig, endpoint: str, count: int, seconds: float, arm: str = "1") -> None:
    """Wait until an arm has so many predictors, all of them ready."""

    def there() -> bool:
        found = replicas(rig, endpoint, arm)
        return found.wanted == found.ready == count

    wait_until(there, seconds, f"{count} predictors of {endpoint} version {arm}")


def serve(rig: KubernetesRig, endpoint: Endpoint, split: Weights) -> None:
    """Serve versions outside of a release; the autoscaler may do as their file says."""
    for version in split:
        rig.create(endpoint, version)
    rig.split(endpoint.name, split)
    # A gateway that has much to do knows a new route a moment before the way to the pods.
    wait_until(lambda: rig.ask(endpoint.name).status == 200, 30, f"an answer of {endpoint.name}")
    rig.platform.scaling.let_go(endpoint.name)

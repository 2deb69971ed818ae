"""Nodes, as the control plane has them."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cluster.api import Api
from cluster.kinds import Kind, Object
from components.errors import SluiceError
from tests.support.waiting import wait_until

NODE = Kind("v1", "Node", "nodes")
UNKNOWN_S = 180.0
"""After which a node of which nothing is heard is told so, on a machine that does other things."""
_HEARD_EVERY_S = 5.0
_SIZE = {"cpu": "4", "memory": "8Gi", "pods": "50", "ephemeral-storage": "20Gi"}


def ready(api: Api, name: str) -> str:
    """What the control plane says of a node: ``True``, ``False`` or ``Unknown``."""
    found = api.get(NODE, "", name) or {}
    conditions = (found.get("status") or {}).get("conditions") or []
    return next((each["status"] for each in conditions if each["type"] == "Ready"), "Unknown")


def lost(api: Api, name: str) -> None:
    """Wait until the control plane has given a node up."""
    wait_until(lambda: ready(api, name) == "Unknown", UNKNOWN_S, f"the loss of node {name}")


def opened(api: Api, name: str, *, to_pods: bool) -> None:
    """Whether new pods may be put on a node."""
    api.merge(NODE, "", name, {"spec": {"unschedulable": not to_pods}})


@dataclass
class Far:
    """A node of which only the API server has heard: pods are put on it, and nobody runs them."""

    api: Api
    name: str = field(default_factory=lambda: f"far-{uuid.uuid4().hex[:6]}")
    _dead: threading.Event = field(default_factory=threading.Event, init=False)

    def _told(self) -> Object:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        heard = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "is ready"}
        times = {"lastHeartbeatTime": now, "lastTransitionTime": now}
        return {"capacity": _SIZE, "allocatable": _SIZE, "conditions": [heard | times]}

    def _live(self) -> None:
        of_status = Kind(NODE.version, NODE.name, f"nodes/{self.name}/status")
        while not self._dead.is_set():
            with suppress(SluiceError):  # the next one is heard, then
                self.api.merge(of_status, "", "", {"status": self._told()})
            self._dead.wait(_HEARD_EVERY_S)

    def die(self) -> None:
        """Nothing is heard of it any more."""
        self._dead.set()


@contextmanager
def far(api: Api) -> Iterator[Far]:
    """Such a node while the block runs; it is closed to new pods at first."""
    made = Far(api)
    labels = {"kubernetes.io/hostname": made.name, "kubernetes.io/os": "linux"}
    metadata = {"name": made.name, "labels": labels}
    api.create(NODE, "", NODE.object(metadata, spec={"unschedulable": True}))
    living = threading.Thread(target=made._live)
    living.start()
    try:
        wait_until(lambda: ready(api, made.name) == "True", 60, f"node {made.name}")
        yield made
    finally:
        made.die()
        living.join()
        api.delete(NODE, "", made.name)


def running(api: Api, pod: Object) -> None:
    """Let it be said of a pod that it runs, as its node's kubelet did before it died."""
    of = pod["metadata"]
    of_status = Kind("v1", "Pod", f"pods/{of['name']}/status")
    api.merge(of_status, of["namespace"], "", {"status": {"phase": "Running"}})

"""SIGKILL for all processes of a pod, as the kernel gives it that has no memory left."""

import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from cluster.api import Api
from cluster.kinds import DEPLOYMENT, POD, Kind, Object
from tests.support.present import present
from tests.support.waiting import wait_until

_PAUSE = b"/pause"
"""The process that holds a pod's network: without it, it is another pod."""
_BACK_S = 120.0
"""In which what was killed is there again, on a node that starts other things too."""


@dataclass
class Killed:
    """What was killed, and when (epoch seconds)."""

    pod: str
    began: float
    gone: float
    """No process of it was left; until then it may have taken requests."""
    back: float = float("inf")
    """As many pods as before were ready, none of them the killed one's former life."""


def pods(api: Api, namespace: str, labels: Mapping[str, str]) -> list[Object]:
    """The pods that carry these labels, in the order of their names."""
    found = api.list(POD, namespace, labels)
    return sorted(found, key=lambda each: str(each["metadata"]["name"]))


def strike(api: Api, namespace: str, labels: Mapping[str, str]) -> Killed:
    """Kill the first pod of those with these labels, and wait until as many are ready."""
    before = pods(api, namespace, labels)
    assert before, f"no pod of {labels} in {namespace}"
    killed, old = kill(api, before[0]), _life(before[0])

    def back() -> bool:
        now = pods(api, namespace, labels)
        return old not in map(_life, now) and sum(map(is_ready, now)) >= len(before)

    wait_until(back, _BACK_S, f"{killed.pod} again")
    killed.back = time.time()
    return killed


def kill(api: Api, pod: Object) -> Killed:
    """Kill a pod's processes. Where they are another machine's it is deleted without any grace."""
    began = time.time()
    if found := _processes(str(pod["metadata"]["uid"])):
        for each in found:
            with suppress(ProcessLookupError):
                os.kill(int(each.name), signal.SIGKILL)
        wait_until(lambda: not any(map(_runs, found)), 10, "the end of its processes")
    else:
        _delete_now(api, pod)
    return Killed(pod["metadata"]["name"], began, time.time())


def evict(api: Api, pod: Object) -> None:
    """Ask a pod to go as whoever drains a node does: refused where something of ours keeps it."""
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    asks = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    api.create(Kind("v1", "Eviction", f"pods/{name}/eviction"), namespace, asks)


@contextmanager
def away(api: Api, *deployments: tuple[str, str]) -> Iterator[None]:
    """No pod of these Deployments, by namespace and name, is there while the block runs."""
    before = [present(api.get(DEPLOYMENT, *each)) for each in deployments]
    try:
        for each in before:
            _scale(api, each, 0)
        yield
    finally:
        for each in before:
            _scale(api, each, int(each["spec"]["replicas"]))


def _scale(api: Api, deployment: Object, count: int) -> None:
    name, namespace = deployment["metadata"]["name"], deployment["metadata"]["namespace"]
    api.merge(DEPLOYMENT, namespace, name, {"spec": {"replicas": count}})

    def there() -> bool:
        found = pods(api, namespace, deployment["spec"]["selector"]["matchLabels"])
        return len(found) == count and all(map(is_ready, found))

    wait_until(there, _BACK_S, f"{count} pods of {name}")


def is_ready(pod: Object) -> bool:
    """What the kubelet says of it."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any((each["type"], each["status"]) == ("Ready", "True") for each in conditions)


def _life(pod: Object) -> tuple[str, int]:
    """Which pod it is, and how often its containers were started again."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    return str(pod["metadata"]["uid"]), sum(each["restartCount"] for each in statuses)


def _processes(uid: str) -> list[Path]:
    """The folders in /proc of a pod's processes: the kubelet names its cgroup by its uid."""
    found = []
    for each in Path("/proc").iterdir():
        with suppress(OSError):
            if (
                each.name.isdecimal()
                and f"/pod{uid}/" in (each / "cgroup").read_text()
                and not (each / "cmdline").read_bytes().startswith(_PAUSE)
            ):
                found.append(each)
    return found


def _runs(process: Path) -> bool:
    with suppress(OSError):
        return (process / "stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    return False


def _delete_now(api: Api, pod: Object) -> None:
    of, way = pod["metadata"], api.access
    path = POD.path(of["namespace"], of["name"])
    with httpx.Client(
        base_url=way.server, auth=way.auth, verify=way.trust, proxy=way.proxy or None
    ) as client:
        client.request("DELETE", path, json={"gracePeriodSeconds": 0}).raise_for_status()

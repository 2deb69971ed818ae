"""What each proxy of a Gateway says of its own routes."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from cluster.api import Api
from cluster.embedded import lifecycle
from cluster.embedded.home import find_home
from cluster.kinds import POD
from cluster.names import object_name
from cluster.places import ARM_HEADER
from cluster.proxies import owned_by
from cluster.settings import Gateway
from cluster.slots import Slot, percent
from components import gateway

_ADMIN = 19000
"""Envoy's own interface, on the loopback of its pod."""


def _kubectl() -> list[str]:
    """The program: the user's own, else that of the embedded cluster."""
    found = shutil.which("kubectl")
    return [found] if found else list(lifecycle.kubectl(find_home()).program)


@contextmanager
def forwarded(namespace: str, pod: str, port: int) -> Iterator[str]:
    """The URL of a pod's port while the block runs."""
    command = [*_kubectl(), "port-forward", f"--namespace={namespace}", f"pod/{pod}", f":{port}"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert running.stdout is not None
        said = running.stdout.readline()
        found = re.search(r"127\.0\.0\.1:(\d+) ->", said)
        assert found, f"kubectl port-forward says {said!r}"
        yield f"http://127.0.0.1:{found[1]}"
    finally:
        running.kill()
        running.communicate()


def splits(api: Api, of: Gateway, namespace: str, endpoint: str) -> list[dict[str, int]]:
    """The users' split of an endpoint that each proxy has in force, without shares of 0."""
    found = []
    for pod in api.list(POD, of.proxies, owned_by(of)):
        with (
            forwarded(of.proxies, pod["metadata"]["name"], _ADMIN) as url,
            httpx.Client(base_url=url, trust_env=False, timeout=30) as client,
        ):
            dump = client.get("/config_dump", params={"resource": "dynamic_route_configs"})
        shown = percent(_slots(dump.json(), namespace, endpoint))
        found.append({arm: share for arm, share in shown.items() if share})
    return found


def _slots(dump: Mapping[str, Any], namespace: str, endpoint: str) -> list[Slot]:
    users = f"httproute/{namespace}/{object_name(endpoint)}/rule/0/"
    for config in dump.get("configs", []):
        for host in config["route_config"].get("virtual_hosts", []):
            for entry in host.get("routes", []):
                if entry["name"].startswith(users):
                    return [_slot(each, endpoint) for each in _clusters(entry["route"])]
    return []


def _clusters(route: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = route["weighted_clusters"]["clusters"]
    return found


def _slot(cluster: Mapping[str, Any], endpoint: str) -> Slot:
    headers = {
        each["header"]["key"]: each["header"]["value"] for each in cluster["request_headers_to_add"]
    }
    arm = headers[ARM_HEADER].removeprefix(gateway.backend(endpoint, ""))
    return Slot(arm, cluster["weight"])

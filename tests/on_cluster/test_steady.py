"""What happens to a listener of the Gateway when teams go about their business: nothing."""

import re

import httpx
import pytest

from cluster.api import Api
from cluster.kinds import POD
from cluster.proxies import owned_by
from cluster.settings import read
from tests.support.rigs import KubernetesRig

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

STATS = 19001
MODIFIED = re.compile(r"^envoy_listener_manager_listener_modified\{\} (\d+)$", re.MULTILINE)


def modified(api: Api) -> dict[str, int]:
    """How often each proxy's listeners were made anew."""
    of = read(api).gateway
    found = {}
    for pod in api.list(POD, of.proxies, owned_by(of)):
        url = f"http://{pod['status']['podIP']}:{STATS}/stats/prometheus"
        said = httpx.get(url, trust_env=False, timeout=30).text
        found[pod["metadata"]["name"]] = sum(map(int, MODIFIED.findall(said)))
    return found


def test_keys_endpoints_and_splits_leave_it_as_it_is(
    on_cluster: KubernetesRig, kubernetes: Api
) -> None:
    """Else every connection is drained, and counters begin at zero."""
    rig, endpoint, client = on_cluster, on_cluster.endpoint("steady"), on_cluster.name("client")
    gateway = rig.platform.gateway
    before = modified(kubernetes)
    assert before
    try:
        rig.create(endpoint, "1")
        rig.split(endpoint.name, {"1": 100})
        gateway.add(client, "operator")
        key = gateway.key(client)
        rig.wait(lambda: rig.ask(endpoint.name, key).status == 200, "the key", 30)
        gateway.rotate(client)
        rig.wait(lambda: rig.ask(endpoint.name, key).status == 401, "its end", 30)
        gateway.revoke(client)
    finally:
        rig.remove(endpoint.name)
    assert modified(kubernetes) == before

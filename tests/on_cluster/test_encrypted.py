"""A Gateway that listens with a certificate counts, and tells what is in force, as any other."""

import base64
import uuid
from collections.abc import Iterator

import pytest

from cluster import evidence
from cluster.api import Api
from cluster.embedded import pki
from cluster.evidence import NAME, PATCH_POLICY
from cluster.installation import unprogrammed
from cluster.kinds import GATEWAY, HTTP_ROUTE, NAMESPACE, SECRET
from cluster.proxies import Proxies
from cluster.settings import Gateway
from components.errors import Unreachable
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

WRITE = 7


@pytest.fixture
def encrypted(kubernetes: Api) -> Iterator[Gateway]:
    """Of a namespace of its own, with one route that tells a write."""
    api, name = kubernetes, f"encrypted-{uuid.uuid4().hex[:8]}"
    to = Gateway(
        url="https://models.example",
        namespace=name,
        listener="https",
        port=10443,
        encrypted=True,
    )
    api.create(NAMESPACE, "", NAMESPACE.object({"name": name}))
    certificate, key = pki.authority().issue(pki.Holder("gateway", "gateway", hosts=("example",)))
    content = {"tls.crt": certificate, "tls.key": key}
    data = {name: base64.b64encode(each).decode() for name, each in content.items()}
    made = SECRET.object({"name": "sluice-tls"}, type="kubernetes.io/tls", data=data)
    api.create(SECRET, name, made)
    listener = {
        "name": "https",
        "protocol": "HTTPS",
        "port": 443,
        "tls": {"mode": "Terminate", "certificateRefs": [{"name": "sluice-tls"}]},
    }
    spec = {"gatewayClassName": "sluice", "listeners": [listener]}
    api.create(GATEWAY, name, GATEWAY.object({"name": to.name}, spec=spec))
    policies = evidence.policies(to, "https", encrypted=True)
    for kind, each in zip((PATCH_POLICY, evidence.CLIENT_POLICY), policies, strict=True):
        api.create(kind, name, each)
    api.create(HTTP_ROUTE, name, _route(to))
    yield to
    api.delete(NAMESPACE, "", name)


def _route(to: Gateway) -> dict[str, object]:
    path = {"type": "ReplaceFullPath", "replaceFullPath": f"/writes/{WRITE}"}
    redirect = {"type": "RequestRedirect", "requestRedirect": {"path": path, "statusCode": 302}}
    rule = {
        "matches": [{"path": {"type": "Exact", "value": "/v2/models/told"}}],
        "filters": [redirect],
    }
    return HTTP_ROUTE.object(
        {"name": "told"}, spec={"parentRefs": [{"name": to.name}], "rules": [rule]}
    )


@pytest.mark.usefixtures("on_cluster")
def test_its_listener_is_patched_and_its_proxies_are_asked(
    kubernetes: Api, encrypted: Gateway
) -> None:
    def programmed() -> bool:
        found = kubernetes.get(PATCH_POLICY, encrypted.namespace, NAME)
        return found is not None and not unprogrammed(found)

    wait_until(programmed, 120, "the policy")
    proxies = Proxies(kubernetes, encrypted, lambda: "key")

    def told() -> bool:
        try:
            return proxies.writes("told", "sluice") == {WRITE}
        except Unreachable:  # not ready yet
            return False

    wait_until(told, 120, "the route at its proxies")
    assert all(each.startswith("https://") for each in proxies.addresses())

"""Services of a cluster from outside it, through the API server's one door."""

import httpx
import pytest

from cluster.access import find_access
from cluster.access.forward import Forwards, Service, service
from cluster.api import Api
from tests.support.embedded import Embedded


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://mlflow.sluice-system:5000", Service("sluice-system", "mlflow", 5000)),
        ("http://mlflow.sluice-system.svc:5000/x", Service("sluice-system", "mlflow", 5000)),
        ("https://a.b.svc.cluster.local", Service("b", "a", 443)),
        ("http://gate.b", Service("b", "gate", 80)),
        ("https://s3.eu-central-1.amazonaws.com", None),
        ("http://127.0.0.1:9090", None),
        ("", None),
    ],
)
def test_a_name_of_the_cluster_is_told_from_any_other(url: str, found: Service | None) -> None:
    assert service(url) == found


@pytest.mark.cluster
@pytest.mark.timeout(900)
def test_a_server_of_the_cluster_answers_a_user_who_has_but_a_kubeconfig(
    embedded: Embedded,
) -> None:
    access = find_access({"KUBECONFIG": str(embedded.home.kubeconfig)})
    ways = Forwards(Api(access))
    there = "http://prometheus.sluice-system:9090"
    here = ways.url(there)
    assert here.startswith("http://127.0.0.1:")
    assert ways.url(there) == here
    with httpx.Client(base_url=here, trust_env=False, timeout=60) as client:
        answers = [client.get("/api/v1/query", params={"query": "up"}) for _ in range(3)]
        assert {each.json()["status"] for each in answers} == {"success"}
        # More than one frame holds.
        assert len(client.get("/metrics").content) > 2**16


@pytest.mark.cluster
@pytest.mark.timeout(900)
def test_where_there_is_no_way_the_connection_ends_and_the_log_says_why(
    embedded: Embedded, caplog: pytest.LogCaptureFixture
) -> None:
    access = find_access({"KUBECONFIG": str(embedded.home.kubeconfig)})
    here = Forwards(Api(access)).url("http://nobody.sluice-system:80")
    with pytest.raises(httpx.TransportError):
        httpx.get(here, trust_env=False)
    assert "namespace sluice-system has no service nobody" in caplog.text

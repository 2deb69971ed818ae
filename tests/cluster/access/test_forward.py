"""Which address is a service's; the way there is tried in tests/cluster/embedded."""

import pytest

from cluster.access.forward import Service, service


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

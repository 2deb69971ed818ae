"""What is asked of a Prometheus that has several teams' series, and several proxies'."""

from cluster.metrics import queries
from components import gateway
from components.metrics.queries import SLUICE, Series


def test_every_count_is_of_the_namespace() -> None:
    found = queries('te"am')
    counted = found.counted(found.backends("demo", "1"))
    own = f'{gateway.NAMESPACE_LABEL}="te\\"am"'
    for query in counted:
        assert query.count(own) == query.count("envoy_sluice_")
    assert own in found.predictors


def test_each_proxy_is_a_source_of_each_version() -> None:
    found = queries("team")
    names = found.backends("demo", "1")
    sources = {
        found.source({"instance": instance, gateway.CLUSTER: name})
        for instance in ("10.0.0.1:19001", "10.0.0.2:19001")
        for name in names
    }
    assert sources == {f"10.0.0.{n}:19001/{kind}" for n in (1, 2) for kind in ("rest", "grpc")}


def test_the_laptop_s_queries_stay_as_they_are() -> None:
    assert SLUICE.requests == Series(gateway.REQUESTS_SERIES, gateway.REQUEST)

"""The Gateway's proxies count by the same definition as a laptop's gateway."""

import re

from cluster import evidence
from cluster.places import ARM_HEADER
from cluster.settings import Gateway
from components import envoy, gateway

TO = Gateway(url="https://models.example")


def test_the_listener_gets_the_laptop_s_loggers_by_the_arm_s_header() -> None:
    patch, _ = evidence.policies(TO, "http")
    requests, latencies, _ = (each["operation"] for each in patch["spec"]["jsonPatches"])
    laptop = envoy.counting("%UPSTREAM_CLUSTER%")
    for ours, theirs in zip((requests, latencies), laptop, strict=True):
        assert ours["value"]["filter"] == theirs["filter"]
    (counter,) = requests["value"]["typed_config"]["counters"]
    tags = {tag["name"]: tag["value_format"] for tag in counter["stat"]["tags"]}
    assert tags[gateway.CLUSTER] == f"%REQ({ARM_HEADER})%"
    assert tags[gateway.ROUTE] == "%ROUTE_NAME%"
    assert tags[gateway.CLIENT] == f"%REQ({gateway.CLIENT_HEADER})%"
    assert {each["name"] for each in patch["spec"]["jsonPatches"]} == {"sluice-system/sluice/http"}


def test_headers_that_are_ours_are_taken_off_a_client_s_request_before_anything_else() -> None:
    _, clients = evidence.policies(TO, "http")
    removed = clients["spec"]["headers"]["earlyRequestHeaders"]["remove"]
    assert removed == [ARM_HEADER, gateway.SHADOW_HEADER, gateway.WAKING_HEADER]


def test_the_histogram_has_the_edges_of_every_gateway() -> None:
    edges, _ = evidence.bootstrap_patches()
    ours, of_copies = edges["value"]["histogram_bucket_settings"]
    assert ours == {"match": {"prefix": "sluice."}, "buckets": list(gateway.EDGES_US)}
    assert of_copies["match"] == {"suffix": "upstream_rq_time"}


def test_a_proxy_keeps_what_is_read_and_not_the_hundreds_of_each_cluster() -> None:
    statistics, _ = evidence.bootstrap_patches()
    patterns = statistics["value"]["stats_matcher"]["inclusion_list"]["patterns"]

    def kept(name: str) -> bool:
        return any(re.fullmatch(each["safe_regex"]["regex"], name) for each in patterns)

    for name in (
        *("sluice.requests", "sluice.latency", "server.uptime", "server.total_connections"),
        "cluster.httproute/demo/demo/rule/0/backend/0.upstream_rq_retry",
        "http_local_rate_limiter.http_local_rate_limit.rate_limited",
        *(f"cluster.httproute/t/demo/rule/0-mirror-0.upstream_rq_{n}" for n in ("5xx", "time")),
    ):
        assert kept(name), name
    assert not kept("cluster.httproute/demo/demo/rule/0/backend/0.upstream_cx_total")
    assert not kept("cluster.httproute/demo/demo/rule/0/backend/0.upstream_rq_time")

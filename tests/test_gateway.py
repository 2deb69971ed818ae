"""What the gateway's counters mean, the same in Python and in PromQL."""

import math
import re
from collections.abc import Iterable
from itertools import product
from statistics import NormalDist

import pytest

from components import gateway
from components.arms import baseline_of
from components.gateway import EDGES_US, PER_MS, milliseconds
from components.identity import Identity
from components.judge import undecidable
from components.judge.latency import deciding
from components.metrics.queries import STYLES
from tests.support.present import present

CODES = range(1000)
GRPC = (None, *range(20))


def meets(matchers: Iterable[str], labels: dict[str, str]) -> bool:
    """Whether a series meets all matchers, as Prometheus anchors them."""
    for matcher in matchers:
        found = re.fullmatch(r'(\w+)(=~|!~|!=)"(.*)"', matcher)
        assert found is not None
        label, operator, regex = found.groups()
        pattern = re.escape(regex) if operator == "!=" else regex
        if (re.fullmatch(pattern, labels[label]) is not None) != (operator == "=~"):
            return False
    return True


def series(code: int, grpc: int | None, flags: str = "-", whole: str = "yes") -> dict[str, str]:
    status = "" if grpc is None else str(grpc)
    return {"code": str(code), "grpc": status, "flags": flags, "whole": whole}


ENDINGS = ("-", "", "DC", "DR", "UR,DC", "UF", "UC", "NC", "RL", "SI", "UT")


def test_each_class_is_the_same_in_python_and_in_promql() -> None:
    for code in CODES:
        for grpc in GRPC:
            found = series(code, grpc)
            refused = any(meets(group, found) for group in gateway.CLIENTS_FAULT)
            assert refused == gateway.is_clients_fault(code, grpc), (code, grpc)
            assert meets(gateway.REQUEST, found) == gateway.is_request(code, grpc), (code, grpc)
        for flags, whole in product(ENDINGS, ("yes", "no", "")):
            found = series(code, None, flags, whole)
            failed = any(meets(group, found) for group in gateway.FAILED)
            assert failed == gateway.is_failed(code, None, flags, whole), (code, flags, whole)
            unanswered = any(meets(group, found) for group in gateway.UNANSWERED)
            assert unanswered == gateway.is_unanswered(code, flags, whole), (code, flags, whole)


def test_what_failed_is_the_same_in_python_and_in_promql() -> None:
    for code in CODES:
        for grpc in GRPC:
            chosen = any(meets(group, series(code, grpc)) for group in gateway.FAILED)
            assert chosen == gateway.is_failed(code, grpc), (code, grpc)


def test_an_answer_of_5xx_or_its_like_in_grpc_has_failed() -> None:
    assert [code for code in (200, 404, 429, 500, 503) if gateway.is_failed(code)] == [500, 503]
    assert [grpc for grpc in range(17) if gateway.is_failed(200, grpc)] == [2, 4, 13, 14, 15]


def test_what_was_never_answered_has_failed_and_is_a_request() -> None:
    for code, flags in ((0, "DC"), (0, "-"), (200, "DC"), (200, "UR,DC"), (200, "DR")):
        assert gateway.is_unanswered(code, flags)
        assert gateway.is_failed(code, None, flags)
        assert gateway.is_request(code)
        assert gateway.is_failed(code, None, flags, "no")
    assert not gateway.is_unanswered(503, "UC")
    assert not gateway.is_unanswered(400, "DC")


def test_a_client_that_leaves_once_the_version_has_sent_its_answer_fails_nobody() -> None:
    # It has read the answer's headers, so it knows which version it could harm.
    assert not gateway.is_unanswered(200, "DC", "yes")
    assert not gateway.is_failed(200, None, "SI,DR", "yes")


def test_what_the_client_did_wrong_has_not_failed_and_is_no_request() -> None:
    for code, grpc in ((400, None), (404, None), (422, None), (200, 3), (200, 5)):
        assert gateway.is_clients_fault(code, grpc)
        assert not gateway.is_failed(code, grpc)
        assert not gateway.is_request(code, grpc)


def test_what_the_gateway_refused_is_no_versions_answer() -> None:
    codes = (200, 400, 401, 413, 422, 429, 500)
    assert [code for code in codes if gateway.is_clients_fault(code)] == [400, 422]


def test_the_users_backends_are_told_from_their_twins() -> None:
    users = gateway.users_backends("demo", "7")
    assert users == ("demo-v7", "demo-v7-grpc")
    twins = [gateway.backend("demo", "7", grpc=grpc, aside=True) for grpc in (False, True)]
    for name in (*users, *twins, "-", ""):
        assert meets([gateway.USERS], relabelled(cluster=name)) == (name in users)
    assert [gateway.is_users_rest(name) for name in (*users, *twins)] == [True, False, False, False]


def relabelled(**labels: str) -> dict[str, str]:
    """A series' labels after `gateway.relabelling`, as Prometheus' relabelling works."""
    for rule in gateway.relabelling():
        value = rule.get("separator", ";").join(
            labels.get(name, "") for name in rule["source_labels"]
        )
        found = re.fullmatch(rule["regex"], value)
        if found is not None:
            labels[rule["target_label"]] = found.expand(rule["replacement"].replace("$", "\\"))
    return {"endpoint": "", "model_version": ""} | labels


@pytest.mark.parametrize("endpoint", ["a", "a-v1", "a-v1-grpc", "v2-aside", "a-v1-baseline"])
@pytest.mark.parametrize("label", ["cluster", "envoy_cluster_name"])
def test_series_get_their_endpoint_and_version_back(endpoint: str, label: str) -> None:
    named = Identity("m", "12", "d").full_name
    for version in ("1", "12", named, baseline_of("1"), baseline_of(named)):
        for backend in gateway.users_backends(endpoint, version):
            found = relabelled(**{label: backend})
            assert (found["endpoint"], found["model_version"]) == (endpoint, version)
        for grpc in (False, True):
            aside = gateway.backend(endpoint, version, grpc=grpc, aside=True)
            assert relabelled(**{label: aside})["endpoint"] == ""


def test_every_edge_lies_on_a_border_of_envoys_bins() -> None:
    assert all(len(str(edge).rstrip("0")) <= 2 for edge in EDGES_US)


@pytest.mark.parametrize("ratio", [1.2, 1.25, 1.3, 1.5, 1.6, 1.75, 2, 2.5, 3, 5, 10])
def test_the_usual_p95_ratios_are_decided_wherever_the_p95_lies(ratio: float) -> None:
    edges = (*(edge / PER_MS for edge in EDGES_US), math.inf)
    assert undecidable(edges[:-1], ratio) == ""
    for p95 in (0.26 * 1.03**power for power in range(400)):
        if 1.05 * p95 * ratio > edges[-2]:
            break
        # Lognormal, as latencies are: 5 % are slower than the p95.
        beyond = [NormalDist(math.log(p95) - 0.5 * 1.645, 0.5).cdf(math.log(e)) for e in edges]
        pair = present(deciding(edges, tuple(1e6 * share for share in beyond), ratio))
        assert 0.99 * ratio < edges[pair.v] / edges[pair.u] < 1.051 * ratio
        assert 1 / 1.3 < edges[pair.u] / p95 < 1.3


def test_the_edges_are_not_too_many_for_a_gateway() -> None:
    assert (EDGES_US[0], EDGES_US[-1], len(EDGES_US)) == (250, 40_000_000, 137)


@pytest.mark.parametrize(
    ("edge", "written"), [("1000", "1"), ("1300", "1.3"), ("40000000", "40000"), ("+Inf", "+Inf")]
)
def test_edges_are_written_in_milliseconds(edge: str, written: str) -> None:
    assert milliseconds(edge) == written


ENVOY_GATEWAY = """
envoy_sluice_requests{cluster="c",code="200",grpc="",flags="-",version="8",client="a",route="r"} 5
envoy_sluice_requests{cluster="c",code="0",grpc="",flags="DC",version="",client="a",route="r"} 4
envoy_sluice_requests{cluster="c",code="200",grpc="",flags="DC",version="8",client="a",route="r"} 3
envoy_sluice_requests{cluster="c",code="200",grpc="13",flags="-",version="8",client="a",route="r"} 2
envoy_sluice_requests{cluster="c",code="200",grpc="3",flags="-",version="8",client="a",route="r"} 7
envoy_sluice_requests{cluster="c",code="422",grpc="",flags="-",version="8",client="a",route="r"} 6
envoy_sluice_requests{cluster="c",code="504",grpc="",flags="UT",version="8",client="a",route="r"} 1
envoy_sluice_requests{cluster="c",code="401",grpc="",flags="-",version="",client="",route="r"} 90
envoy_sluice_requests{cluster="c",code="429",grpc="",flags="RL",version="",client="a",route="r"} 90
envoy_sluice_requests{cluster="",code="503",grpc="",flags="NC",version="",client="a",route="r"} 9
"""
"""What an Envoy Gateway with the same access logger wrote (its tags, and no `whole`)."""


def test_an_envoy_gateways_counters_have_the_same_classes() -> None:
    lines = [dict(re.findall(r'(\w+)="([^"]*)"', line)) for line in ENVOY_GATEWAY.split("\n")[1:-1]]
    counts = [float(line.rsplit(" ", 1)[1]) for line in ENVOY_GATEWAY.split("\n")[1:-1]]

    def counted(*groups: tuple[str, ...]) -> float:
        known = [({"whole": ""} | labels, n) for labels, n in zip(lines, counts, strict=True)]
        mine = [(labels, n) for labels, n in known if labels["cluster"] == "c"]
        return sum(n for labels, n in mine if any(meets(group, labels) for group in groups))

    assert counted(gateway.REQUEST) == 5 + 4 + 3 + 2 + 1
    assert counted(*gateway.FAILED) == 4 + 3 + 2 + 1
    assert counted(*gateway.UNANSWERED) == 4 + 3
    assert counted(*gateway.CLIENTS_FAULT) == 7 + 6
    assert {*lines[0]} - {gateway.CLUSTER} <= {*STYLES["sluice"].parts}

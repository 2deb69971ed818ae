"""What the gateway's counters mean, the same in Python and in PromQL."""

import math
import re
from collections.abc import Iterable
from statistics import NormalDist

import pytest

from components import gateway
from components.gateway import EDGES_US, PER_MS, milliseconds
from components.judge import undecidable
from components.judge.latency import deciding
from tests.support.present import present

CODES = range(1000)
GRPC = (None, *range(20))


def meets(matchers: Iterable[str], labels: dict[str, str]) -> bool:
    """Whether a series meets all matchers, as Prometheus anchors them."""
    for matcher in matchers:
        found = re.fullmatch(r'(\w+)(=~|!~)"(.*)"', matcher)
        assert found is not None
        label, operator, regex = found.groups()
        if (re.fullmatch(regex, labels[label]) is not None) != (operator == "=~"):
            return False
    return True


def series(code: int, grpc: int | None, flags: str = "-") -> dict[str, str]:
    return {"code": str(code), "grpc": "" if grpc is None else str(grpc), "flags": flags}


ENDINGS = ("-", "", "DC", "DR", "UR,DC", "UF", "UC", "NC", "RL", "SI", "UT")


def test_each_class_is_the_same_in_python_and_in_promql() -> None:
    for code in CODES:
        for grpc in GRPC:
            found = series(code, grpc)
            refused = any(meets(group, found) for group in gateway.CLIENTS_FAULT)
            assert refused == gateway.is_clients_fault(code, grpc), (code, grpc)
            assert meets(gateway.REQUEST, found) == gateway.is_request(code, grpc), (code, grpc)
        for flags in ENDINGS:
            found = series(code, None, flags)
            failed = any(meets(group, found) for group in gateway.FAILED)
            assert failed == gateway.is_failed(code, None, flags), (code, flags)
            unanswered = any(meets(group, found) for group in gateway.UNANSWERED)
            assert unanswered == gateway.is_unanswered(code, flags), (code, flags)


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
    assert not gateway.is_unanswered(503, "UC")
    assert not gateway.is_unanswered(400, "DC")


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
    for name in (*users, *twins):
        assert meets([gateway.USERS], {"cluster": name}) == (name in users)
    assert [gateway.is_users_rest(name) for name in (*users, *twins)] == [True, False, False, False]


def test_every_edge_lies_on_a_border_of_envoys_bins() -> None:
    assert all(len(str(edge).rstrip("0")) <= 2 for edge in EDGES_US)


@pytest.mark.parametrize("ratio", [1.2, 1.25, 1.3, 1.4, 1.5, 1.6, 1.75, 2, 2.5, 3, 4, 5, 10])
def test_the_usual_p95_ratios_are_decided_wherever_the_p95_lies(ratio: float) -> None:
    edges = (*(edge / PER_MS for edge in EDGES_US), math.inf)
    assert undecidable(edges[:-1], ratio) == ""
    for p95 in (1.05 * 1.03**power for power in range(350)):
        if 1.05 * p95 * ratio > edges[-2]:
            break
        # Lognormal, as latencies are: 5 % are slower than the p95.
        beyond = [NormalDist(math.log(p95) - 0.5 * 1.645, 0.5).cdf(math.log(e)) for e in edges]
        pair = present(deciding(edges, [1e6 * share for share in beyond], ratio))
        assert 0.99 * ratio < edges[pair.v] / edges[pair.u] < 1.051 * ratio
        assert 1 / 1.3 < edges[pair.u] / p95 < 1.3


def test_the_edges_are_not_too_many_for_a_gateway() -> None:
    assert (EDGES_US[0], EDGES_US[-1], len(EDGES_US)) == (1000, 39_000_000, 121)


@pytest.mark.parametrize(
    ("edge", "written"), [("1000", "1"), ("1300", "1.3"), ("39000000", "39000"), ("+Inf", "+Inf")]
)
def test_edges_are_written_in_milliseconds(edge: str, written: str) -> None:
    assert milliseconds(edge) == written

import math

import pytest

from components.judge import Forecast, Policy, begin, eta, observe, preflight
from components.judge.planning import Eta
from tests.support.polls import MakeGateway
from tests.support.present import present

POLICY = Policy()
KSERVE_MS = (5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000)


def buckets_of(gateway: MakeGateway, requests: int = 20_000) -> dict[str, float]:
    gate = gateway()
    gate.requests["1"] = requests
    return gate.sample("1").buckets


def coarse(gateway: MakeGateway, edges: tuple[int, ...] = KSERVE_MS) -> dict[str, float]:
    fine = buckets_of(gateway)
    counts = {float(edge): count for edge, count in fine.items()}

    def below(edge: int) -> float:
        return max((count for ms, count in counts.items() if ms <= edge), default=0.0)

    return {f"{edge}": below(edge) for edge in edges} | {"+Inf": fine["+Inf"]}


def test_edges_of_the_square_root_of_the_ratio_decide_it(gateway: MakeGateway) -> None:
    found = preflight(POLICY, buckets_of(gateway))
    assert found.ok
    assert found.ratio == pytest.approx(1.3, abs=1e-3)


def test_without_traffic_the_worst_pair_counts(gateway: MakeGateway) -> None:
    assert preflight(POLICY, buckets_of(gateway, 0)).ok
    assert not preflight(POLICY, dict.fromkeys(coarse(gateway), 0.0)).ok


def test_kserves_default_buckets_are_refused_and_the_ratio_they_decide_is_named(
    gateway: MakeGateway,
) -> None:
    found = preflight(POLICY, coarse(gateway))
    assert not found.ok
    assert found.ratio == 2.5
    assert "2.5" in found.text
    assert "add edges" in found.text


def test_an_edge_with_nothing_beyond_it_decides_no_ratio(gateway: MakeGateway) -> None:
    found = preflight(POLICY, coarse(gateway, (50, 100)))
    assert (found.ok, found.ratio) == (False, math.inf)


@pytest.mark.parametrize("buckets", [{}, {"+Inf": 5.0}, {"a": 1.0}])
def test_no_histogram_is_refused(buckets: dict[str, float]) -> None:
    assert not preflight(POLICY, buckets).ok


def rows(plan: Forecast) -> dict[str, Eta]:
    return {row.what: row for row in (*plan.faults, *plan.safe)}


def seconds(plan: Forecast) -> dict[str, float]:
    """How long the judge would need for each row, all of which it can decide."""
    return {what: present(row.seconds) for what, row in rows(plan).items()}


def test_the_budget_is_printed_by_test_and_sums_to_the_policys(gateway: MakeGateway) -> None:
    budget = eta(POLICY, 50, 0.001, buckets_of(gateway)).budget
    assert sum(budget.values()) == pytest.approx(0.01)
    assert set(budget) == {"errors", "p95", "refused", "split"}


def test_more_traffic_is_faster_and_bigger_faults_are_faster(gateway: MakeGateway) -> None:
    slow = seconds(eta(POLICY, 5, 0.001, buckets_of(gateway)))
    fast = seconds(eta(POLICY, 50, 0.001, buckets_of(gateway)))
    for what, needed in fast.items():
        assert needed <= slow[what]
    assert fast["50% errors"] <= fast["5% errors"] <= fast["3% errors"]
    assert fast["p95 x2"] <= fast["p95 x1.5"]


@pytest.mark.parametrize(("rps", "errors"), [(5.0, 0.05), (5.0, 0.03), (0.5, 0.05)])
def test_the_forecast_is_near_the_time_at_which_steady_traffic_is_rolled_back(
    gateway: MakeGateway, rps: float, errors: float
) -> None:
    gate = gateway()
    plan = eta(POLICY, rps * 10, 0.001, buckets_of(gateway))
    forecast = present(rows(plan)[f"{errors:.0%} errors"].seconds)
    state = begin(POLICY, "1", "2")
    for poll in [gate.poll(), *gate.watch(120, rps=rps, errors=errors)]:
        state, verdict = observe(POLICY, state, poll)
    assert verdict.decision == "ROLLBACK"
    assert forecast / 2 <= verdict.at <= forecast * 2


def test_a_limit_that_cannot_be_decided_within_the_watch_is_warned_of(gateway: MakeGateway) -> None:
    thin = eta(POLICY, 1, 0.001, buckets_of(gateway))
    assert any("error rate safe" in warning for warning in thin.warnings)
    assert eta(POLICY, 50, 0.001, buckets_of(gateway)).warnings == ()


def test_a_version_as_bad_as_the_limit_can_never_be_shown_safe(gateway: MakeGateway) -> None:
    found = rows(eta(POLICY, 50, 0.01, buckets_of(gateway)))
    assert found["error rate safe"].seconds is None


@pytest.mark.parametrize("requests_per_second", [0.0, 1e-9])
def test_no_traffic_decides_nothing(gateway: MakeGateway, requests_per_second: float) -> None:
    found = eta(POLICY, requests_per_second, 0.0, buckets_of(gateway))
    assert not any(row.in_watch for row in (*found.faults, *found.safe))


def test_no_latency_histogram_means_no_forecast_of_the_p95() -> None:
    assert rows(eta(POLICY, 50, 0.001, {}))["p95 safe"].seconds is None


def test_a_plan_is_plain_json(gateway: MakeGateway) -> None:
    import json

    body = eta(POLICY, 50, 0.001, buckets_of(gateway)).to_json()
    assert json.loads(json.dumps(body))["faults"][0]["what"] == "50% errors"

"""Each peer's rule on releases small enough to judge by hand; polls of one minute."""

from collections.abc import Callable
from statistics import NormalDist

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from components.judge import Policy
from components.simulation import argo, flagger, kayenta
from components.simulation.outcome import HELD, PROMOTED, ROLLED_BACK, Outcomes
from components.simulation.scenario import ArgoSettings, peer_settings, scenario
from components.simulation.traffic import Arm, Traffic
from components.simulation.windows import p95_ms, windowed

HandMade = Callable[..., Traffic]
POLICY, PEERS = Policy(), peer_settings()
BAD, GOOD = 2, 1
"""Of 100 requests in a minute: over the limit of 1 %, and at it."""


def ended(outcomes: Outcomes) -> tuple[int, float]:
    return int(outcomes.decision[0]), float(outcomes.at_s[0])


def test_flagger_acts_one_tick_after_its_fifth_failed_check(hand_made: HandMade) -> None:
    traffic = hand_made([100] * 10, [BAD] * 10)
    assert ended(flagger.decide(traffic, POLICY, PEERS.flagger)) == (ROLLED_BACK, 360)


def test_flagger_never_forgets_a_failed_check(hand_made: HandMade) -> None:
    traffic = hand_made([100] * 20, [BAD, GOOD] * 10)
    assert ended(flagger.decide(traffic, POLICY, PEERS.flagger)) == (ROLLED_BACK, 600)


def test_flagger_promotes_with_four_failed_checks(hand_made: HandMade) -> None:
    traffic = hand_made([100] * 10, [BAD] * 4 + [GOOD] * 6)
    assert ended(flagger.decide(traffic, POLICY, PEERS.flagger)) == (PROMOTED, 600)


def test_flagger_counts_a_minute_without_requests_as_failed(hand_made: HandMade) -> None:
    traffic = hand_made([0] * 5 + [100] * 5, [0] * 10)
    assert ended(flagger.decide(traffic, POLICY, PEERS.flagger)) == (ROLLED_BACK, 360)


def test_argo_aborts_at_the_fourth_failed_measurement(hand_made: HandMade) -> None:
    traffic = hand_made([100] * 10, [BAD, GOOD, BAD, BAD, GOOD, BAD, GOOD, GOOD, GOOD, GOOD])
    assert ended(argo.decide(traffic, POLICY, PEERS.argo)) == (ROLLED_BACK, 360)


def test_argo_promotes_with_three_failed_measurements(hand_made: HandMade) -> None:
    traffic = hand_made([100] * 10, [BAD] * 3 + [GOOD] * 7)
    assert ended(argo.decide(traffic, POLICY, PEERS.argo)) == (PROMOTED, 600)


@pytest.mark.parametrize(
    ("conditions", "decision"),
    [("success", ROLLED_BACK), ("failure", PROMOTED), ("both", HELD)],
)
def test_argo_takes_no_data_as_its_template_is_spelled(
    hand_made: HandMade, conditions: str, decision: int
) -> None:
    settings = ArgoSettings.model_validate({**PEERS.argo.model_dump(), "conditions": conditions})
    outcomes = argo.decide(hand_made([0] * 10, [0] * 10), POLICY, settings)
    assert outcomes.decision[0] == decision


def test_argo_counts_each_metric_by_itself_and_flagger_all_together(hand_made: HandMade) -> None:
    slow = [[100, 100, 100, 100]] * 3 + [[0, 0, 0, 0]] * 7
    traffic = hand_made(
        [100] * 10, [0] * 3 + [BAD] * 3 + [0] * 4, slower=slow, watch=("errors", "p95")
    )
    assert ended(argo.decide(traffic, POLICY, PEERS.argo)) == (PROMOTED, 600)
    assert ended(flagger.decide(traffic, POLICY, PEERS.flagger)) == (ROLLED_BACK, 360)


def test_kayenta_sees_a_clear_rise_at_its_first_judgement(hand_made: HandMade) -> None:
    rising = list(range(10, 40))
    traffic = hand_made([100] * 30, rising, champion_errors=[1, 2, 3] * 10)
    assert ended(kayenta.decide(traffic, PEERS.kayenta)) == (ROLLED_BACK, 600)


def test_kayenta_passes_arms_that_are_alike(hand_made: HandMade) -> None:
    traffic = hand_made([900] * 30, [1, 2, 3] * 10, champion_errors=[1, 2, 3] * 10)
    assert ended(kayenta.decide(traffic, PEERS.kayenta)) == (PROMOTED, 1800)


def test_kayenta_passes_a_fall(hand_made: HandMade) -> None:
    traffic = hand_made([100] * 30, [0] * 30, champion_errors=[200, 210, 220] * 10)
    assert ended(kayenta.decide(traffic, PEERS.kayenta)) == (PROMOTED, 1800)


def test_kayenta_fails_a_critical_metric_without_data(hand_made: HandMade) -> None:
    traffic = hand_made([0] * 30, [0] * 30)
    assert ended(kayenta.decide(traffic, PEERS.kayenta)) == (ROLLED_BACK, 600)


def test_kayenta_tests_as_mann_and_whitney_with_ties_and_continuity() -> None:
    rng = np.random.default_rng(3)
    canary = rng.poisson(3.0, (40, 10)).astype(float)
    control = rng.poisson(2.0, (40, 10)).astype(float)
    ours = kayenta.mann_whitney_z(canary, control)
    for z, x, y in zip(ours, canary, control, strict=True):
        p_value = mannwhitneyu(x, y, method="asymptotic", use_continuity=True).pvalue
        assert 2 * NormalDist().cdf(-abs(z)) == pytest.approx(p_value, abs=1e-9)


def test_a_window_holds_the_polls_since_the_tick_before() -> None:
    counts = np.arange(1, 9)[None, :]
    arm = Arm(counts, counts, np.repeat(counts[..., None], 4, axis=2))
    traffic = Traffic(scenario(minutes=2, poll=15), np.array([1.0, 2.0, 3.0, 4.0]), arm, arm, arm)
    ticks = windowed(traffic, 60, 60, 60)
    assert ticks.times_s.tolist() == [60, 120]
    assert ticks.candidate.requests.tolist() == [[1 + 2 + 3 + 4, 5 + 6 + 7 + 8]]


def test_the_p95_is_interpolated_as_promql_does() -> None:
    edges = np.array([100.0, 200.0, 400.0])

    def p95(requests: int, slower: list[int]) -> float:
        arm = Arm(np.array([requests]), np.array([0]), np.array([slower]))
        return float(p95_ms(arm, edges)[0])

    # 90 answers up to 200 ms, 10 up to 400: the 95th lies half way between.
    assert p95(100, [40, 10, 0]) == pytest.approx(300)
    assert p95(100, [0, 0, 0]) == pytest.approx(95)
    assert p95(100, [100, 100, 50]) == 400
    assert np.isnan(p95(0, [0, 0, 0]))

import math

import numpy as np
import pytest

from components.errors import InputError
from components.gateway import EDGES_US
from components.simulation.scenario import scenario
from components.simulation.traffic import MEDIAN_MS, Arm, Traffic, edges_ms, generate


def draw(releases: int = 100, seed: int = 1, **fields: object) -> Traffic:
    return generate(scenario(**fields), np.random.default_rng(seed), releases)


def test_the_arms_get_the_requests_of_their_shares() -> None:
    traffic = draw(rps=2, share=20)
    assert traffic.candidate.requests.mean() == pytest.approx(2 * 15, rel=0.01)
    assert traffic.champion.requests.mean() == pytest.approx(8 * 15, rel=0.01)
    assert traffic.candidate.requests.shape == (100, 120)


def test_failures_come_at_the_asked_rates() -> None:
    traffic = draw(errors=0.05, baseline_errors=0.01)
    candidate, champion = traffic.candidate, traffic.champion
    assert candidate.errors.sum() / candidate.requests.sum() == pytest.approx(0.05, rel=0.03)
    assert champion.errors.sum() / champion.requests.sum() == pytest.approx(0.01, rel=0.03)


def test_bursts_keep_the_rate_and_correlate_the_failures_of_a_poll() -> None:
    of = draw(errors=0.05, burst=0.3, rps=50, releases=300).candidate
    share = of.errors / of.requests
    assert share.mean() == pytest.approx(0.05, rel=0.05)
    # Var(x/n) = p (1-p) (rho + (1 - rho) / n) for a beta-binomial.
    expected = 0.05 * 0.95 * (0.3 + 0.7 / 750)
    assert share.var() == pytest.approx(expected, rel=0.08)


def test_certain_failures_stay_certain_in_bursts() -> None:
    traffic = draw(errors=1, baseline_errors=0, burst=0.3, releases=3)
    assert (traffic.candidate.errors == traffic.candidate.requests).all()
    assert not traffic.champion.errors.any()


def test_a_fault_begins_at_its_onset_and_ends() -> None:
    of = draw(errors=1, baseline_errors=0, onset=600, until=900).candidate
    failed = of.errors.sum(axis=0) > 0
    assert failed.nonzero()[0].tolist() == list(range(40, 60))


def test_a_shared_fault_strikes_both_versions() -> None:
    traffic = draw(errors=0.5, shared=True, latency_ratio=2)
    assert traffic.champion.errors.sum() / traffic.champion.requests.sum() > 0.45
    assert tail_share(traffic.champion.slower) == pytest.approx(
        tail_share(traffic.candidate.slower), rel=0.02
    )


def tail_share(slower: np.ndarray) -> float:
    return float(slower[..., 8].sum() / slower[..., 0].sum())


def share_beyond(arm: Arm) -> np.ndarray:
    return np.asarray(arm.slower.sum((0, 1)) / arm.requests.sum())


def doubled(traffic: Traffic, slow: np.ndarray, usual: np.ndarray) -> list[tuple[float, float]]:
    """Shares beyond an edge, and of what is twice as slow beyond one twice as high."""
    at = {round(edge): k for k, edge in enumerate(traffic.edges_ms)}
    return [(slow[at[2 * e]], usual[k]) for e, k in at.items() if 2 * e in at]


def test_the_edges_are_the_gateways() -> None:
    found = edges_ms(scenario(latency_ratio=1.5))
    assert {round(1000 * edge) for edge in found} <= set(EDGES_US)
    assert found[0] < MEDIAN_MS
    assert found[-1] > MEDIAN_MS * 1.5 * math.exp(4 * 0.5)


def test_latencies_are_lognormal_and_scaled_by_the_ratio() -> None:
    traffic = draw(rps=50, latency_ratio=2, releases=50)
    found = doubled(traffic, share_beyond(traffic.candidate), share_beyond(traffic.champion))
    assert len(found) > 5
    assert all(slow == pytest.approx(usual, abs=0.002) for slow, usual in found)
    assert (np.diff(traffic.candidate.slower, axis=-1) <= 0).all()
    assert (traffic.candidate.slower[..., 0] <= traffic.candidate.requests).all()


def test_the_hour_before_may_be_slower_than_what_is_judged() -> None:
    traffic = draw(rps=50, earlier_ratio=2, releases=50)
    found = doubled(traffic, share_beyond(traffic.history), share_beyond(traffic.champion))
    assert len(found) > 5
    assert all(slow == pytest.approx(usual, abs=0.002) for slow, usual in found)


def test_wobble_widens_the_spread_of_slow_answers_between_polls() -> None:
    def spread(wobble: float) -> float:
        of = draw(rps=50, wobble=wobble, releases=10).candidate
        return float((of.slower[..., 4] / of.requests).std(axis=1).mean())

    assert spread(0.2) > 3 * spread(0.0)


def test_the_day_swings_the_traffic_of_both_arms_alike() -> None:
    traffic = draw(rps=20, diurnal=0.8, releases=50)
    per_release = traffic.candidate.requests.mean(axis=1)
    assert per_release.max() > 3 * per_release.min()
    odds = traffic.champion.requests.mean(axis=1) / per_release
    assert np.allclose(odds, 9, rtol=0.05)


def test_the_champion_has_an_hour_of_history() -> None:
    history = draw(rps=1, share=50, releases=50).history
    assert history.requests.mean() == pytest.approx(3600, rel=0.01)


def test_a_seed_gives_the_same_releases_again() -> None:
    assert (draw(seed=5).candidate.errors == draw(seed=5).candidate.errors).all()
    assert (draw(seed=5).candidate.errors != draw(seed=6).candidate.errors).any()


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"rps": 0}, "--rps"),
        ({"latency_ratio": 99}, "--latency-ratio"),
        ({"burst": 1}, "--burst"),
        ({"errors": float("nan")}, "--errors"),
        ({"onset": 60, "until": 30}, "must end after its onset"),
        ({"minutes": 0.1, "poll": 60}, "at least one poll"),
    ],
)
def test_a_value_out_of_range_is_refused_by_the_name_of_its_flag(
    fields: dict[str, float], named: str
) -> None:
    with pytest.raises(InputError, match=named):
        scenario(**fields)

"""The formulas against brute force and simulation."""

import math

import numpy as np
import pytest

from components.cost import formulas
from components.cost.formulas import ScaleToZero


def test_what_1000_cost_is_what_is_provisioned_by_what_is_served() -> None:
    assert formulas.per_1000_at(0.2016, 10) == pytest.approx(0.0056)
    assert formulas.per_1000(0.2016, 36_000) == pytest.approx(0.0056)
    assert formulas.per_1000(0.2016, 0) is None
    assert formulas.per_1000(0.2016, None) is None


@pytest.mark.parametrize(("usd_cpu", "usd_gpu"), [(0.2016, 0.8048), (0.1008, 0.8048), (1.0, 0.5)])
def test_one_gpu_is_cheaper_from_the_break_even_rate_on(usd_cpu: float, usd_gpu: float) -> None:
    capacity, share = 30.0, 0.65
    rate = formulas.break_even(capacity, usd_cpu, usd_gpu, share)

    def cpu(at: float) -> float:
        return formulas.replicas(at, capacity, 1, share) * usd_cpu

    assert rate == 0 or cpu(rate * (1 - 1e-9)) <= usd_gpu
    assert cpu(rate + 1e-6) > usd_gpu


def test_a_gpu_that_answers_too_few_is_never_cheaper() -> None:
    for capacity_gpu in (10.0, 100.0, 119.0, 121.0, 500.0):
        never = formulas.gpu_is_never_cheaper(30.0, 0.2, capacity_gpu, 0.8)
        rates = [capacity_gpu * 0.65 * step / 1000 for step in range(1, 1001)]
        cheaper = [formulas.replicas(rate, 30.0) * 0.2 > 0.8 + 1e-12 for rate in rates]
        assert never is not any(cheaper)


def simulated(rate: float, cooldown: float, start: float, cycles: int) -> ScaleToZero:
    """Arrivals one after another; a replica that wakes and goes."""
    draw = np.random.default_rng(7)
    awake = asleep = 0.0
    requests = cold = waiting = 0
    for _ in range(cycles):
        asleep += draw.exponential(1 / rate)
        now, until = 0.0, start + cooldown
        requests, cold, waiting = requests + 1, cold + 1, waiting + 1
        while (now := now + draw.exponential(1 / rate)) < until:
            requests += 1
            waiting += now < start
            until = max(now, start) + cooldown
        awake += until
        # Who came too late finds it asleep. A Poisson process has no memory, so how long it sleeps
        # is drawn anew.
    return ScaleToZero(awake / (awake + asleep), cold / requests, waiting / requests)


@pytest.mark.parametrize(
    ("rate", "cooldown", "start"),
    [(1 / 600, 300.0, 60.0), (1 / 60, 120.0, 5.0), (1 / 3600, 300.0, 600.0), (0.02, 10.0, 0.0)],
)
def test_scale_to_zero_is_what_a_simulation_finds(
    rate: float, cooldown: float, start: float
) -> None:
    found, seen = (
        formulas.scale_to_zero(rate, cooldown, start),
        simulated(rate, cooldown, start, 40_000),
    )
    assert found.awake == pytest.approx(seen.awake, abs=0.01)
    assert found.cold == pytest.approx(seen.cold, abs=0.01)
    assert found.waiting == pytest.approx(seen.waiting, abs=0.01)


def test_a_start_without_a_time_leaves_the_usual_formula() -> None:
    found = formulas.scale_to_zero(1 / 600, 300.0, 0.0)
    assert found.cold == found.waiting == pytest.approx(math.exp(-0.5))
    assert found.awake == pytest.approx(1 - math.exp(-0.5))


def test_whoever_is_asked_often_never_sleeps() -> None:
    assert formulas.scale_to_zero(100.0, 300.0, 60.0) == ScaleToZero(1.0, 0.0, 0.0)

"""A candidate beside the champion's baseline: the baseline's counts are those that are compared."""

from collections import Counter
from collections.abc import Mapping

import msgspec
import pytest

from components.arms import baseline_of
from components.judge import Policy, Poll, Verdict, begin, eta, judge, latency, observe
from tests.support.polls import Gateway
from tests.support.present import present

ARM = baseline_of("1")
POLICY = Policy(steps=(10, 100))


class Beside(Gateway):
    """A gateway that serves a baseline too."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.requests[ARM], self.errors[ARM], self.p95[ARM] = 0.0, 0.0, 100.0
        self.earlier[ARM] = Counter()

    def step(
        self,
        polls: int,
        weights: Mapping[str, float],
        errors: Mapping[str, float] | None = None,
        got: Mapping[str, float] | None = None,
    ) -> list[Poll]:
        """So many polls under a split of 50 requests/s; ``got`` is the split as it really is."""
        self.weights = dict(weights)
        found = []
        for _ in range(polls):
            self.t += 15.0
            for arm, share in (got or weights).items():
                self.serve(arm, 50 * 15 * share / 100, (errors or {}).get(arm, 0.001))
            read = self.poll()
            found.append(
                msgspec.structs.replace(
                    read, sources={**read.sources, ARM: {"gateway": self.sample(ARM)}}
                )
            )
        return found


TENTH = {"1": 80.0, ARM: 10.0, "2": 10.0}


def first(gate: Beside) -> Poll:
    read = gate.poll()
    return msgspec.structs.replace(
        read, sources={**read.sources, ARM: {"gateway": gate.sample(ARM)}}
    )


def decided(polls: list[Poll], policy: Policy = POLICY) -> Verdict:
    return judge(policy, "1", "2", polls)


def codes(verdict: Verdict) -> list[str]:
    return [reason.code for reason in verdict.reasons]


def test_two_that_are_alike_are_promoted_whatever_production_does() -> None:
    gate = Beside()
    gate.p95 |= {"1": 60.0, ARM: 100.0, "2": 100.0}
    verdict = decided([first(gate), *gate.step(121, TENTH, {"1": 0.2})])
    assert (verdict.decision, codes(verdict)) == ("PROMOTE", ["safe"])
    assert "the baseline's" in verdict.text
    evidence = present(verdict.evidence)
    assert evidence.beside == "the baseline"
    assert evidence.champion.requests == pytest.approx(evidence.candidate.requests)
    assert evidence.observed_share == pytest.approx(50)
    assert verdict.step == 10


def test_without_it_the_same_counts_are_a_rollback() -> None:
    gate = Beside()
    gate.p95 |= {"1": 60.0, "2": 100.0}
    verdict = decided([gate.poll(), *gate.watch(121)])
    assert (verdict.decision, codes(verdict)) == ("ROLLBACK", ["p95"])


@pytest.mark.parametrize(
    ("errors", "p95", "code"), [(0.05, 100.0, "error_rate"), (0.001, 200.0, "p95")]
)
def test_one_that_is_worse_than_the_baseline_is_rolled_back_though_production_is_no_better(
    errors: float, p95: float, code: str
) -> None:
    gate = Beside()
    gate.p95 |= {"1": p95, "2": p95}
    verdict = decided([first(gate), *gate.step(60, TENTH, {"1": errors, "2": errors})])
    assert (verdict.decision, codes(verdict)) == ("ROLLBACK", [code])
    assert "the baseline's" in verdict.text


def test_the_split_is_that_of_the_two_that_are_compared() -> None:
    gate = Beside()
    lopsided = {"1": 75.0, ARM: 5.0, "2": 20.0}
    verdict = decided([first(gate), *gate.step(60, TENTH, got=lopsided)])
    assert (verdict.decision, codes(verdict)) == ("ERROR", ["split_mismatch"])
    assert "its weight there is 50 %" in verdict.text


def test_production_s_share_is_not_the_baseline_s() -> None:
    """Of what is asked the candidate gets a tenth; of itself and its baseline, half."""
    gate = Beside()
    more = {"1": 60.0, ARM: 20.0, "2": 20.0}
    assert decided([first(gate), *gate.step(121, TENTH, got=more)]).decision == "PROMOTE"


def test_production_takes_its_place_where_it_has_no_share_any_more() -> None:
    gate, policy = Beside(), Policy(steps=(10, 50, 100), watch_s=600)
    state, found = begin(policy, "1", "2"), []
    polls = [first(gate), *gate.step(41, TENTH), *gate.step(41, {"1": 50.0, "2": 50.0})]
    for poll in polls:
        state, verdict = observe(policy, state, poll)
        found.append(verdict)
    assert found[-1].decision == "PROMOTE"
    assert [present(found[at].evidence).beside for at in (41, -1)] == ["the baseline", "production"]
    assert present(found[-1].evidence).step_requests == pytest.approx(41 * 15 * 25, rel=0.05)


def test_one_that_is_lost_in_the_middle_of_a_step_does_not_begin_it_anew() -> None:
    gate = Beside()
    polls = [first(gate), *gate.step(60, TENTH), *gate.step(61, {"1": 90.0, "2": 10.0})]
    verdict = decided(polls)
    assert (verdict.decision, verdict.at) == ("PROMOTE", 1800)


def test_what_it_counted_in_an_earlier_release_is_not_counted_again() -> None:
    gate = Beside()
    gate.serve(ARM, 5000, 0.5)
    verdict = decided([first(gate), *gate.step(121, TENTH)])
    assert verdict.decision == "PROMOTE"
    assert present(verdict.evidence).champion.errors < 20


def test_one_that_was_not_read_holds() -> None:
    gate = Beside()
    *polls, last = [first(gate), *gate.step(121, TENTH)]
    unread = msgspec.structs.replace(last, sources={**last.sources, ARM: {"gateway": None}})
    verdict = decided([*polls[:-1], unread])
    assert verdict.decision == "HOLD"
    assert "the baseline was not read" in verdict.text


@pytest.mark.parametrize(
    "weights",
    [{"1": 80.0, "3-baseline": 10.0, "2": 10.0}, {"1": 80.0, "2-baseline": 10.0, "2": 10.0}],
)
def test_another_version_s_baseline_is_no_arm_of_this_release(weights: dict[str, float]) -> None:
    gate = Beside()
    verdict = decided([gate.poll(), Poll(15.0, weights, {})])
    assert (verdict.decision, codes(verdict)) == ("ERROR", ["not_comparable"])


def test_the_forecast_knows_that_both_arms_are_small() -> None:
    gate = Beside()
    buckets = gate.sample("1").buckets
    alone, beside = (
        eta(POLICY, 50.0, 0.001, buckets, baseline=baseline) for baseline in (False, True)
    )
    safe = [present(forecast.safe[1].seconds) for forecast in (alone, beside)]
    assert safe[0] < safe[1]


def test_the_plain_rule_compares_with_it_too() -> None:
    gate, plain = Beside(), Policy(method="threshold", watch_s=600)
    gate.p95 |= {"1": 60.0, ARM: 100.0, "2": 100.0}
    assert decided([first(gate), *gate.step(41, TENTH)], plain).decision == "PROMOTE"
    gate = Beside()
    gate.p95 |= {"1": 200.0, "2": 200.0}
    verdict = decided([first(gate), *gate.step(41, TENTH)], plain)
    assert verdict.decision == "ROLLBACK"
    assert "the baseline's" in verdict.text


def test_the_edges_of_the_next_bet_are_always_those_of_what_is_remembered() -> None:
    gate = Beside()
    before = [first(gate), *gate.step(3, {"1": 90.0, "2": 10.0})]
    gate.change_p95("1", 200.0)
    pairs, state = [], begin(POLICY, "1", "2")
    known = before[0].sources["1"]
    alone = Poll(0.0, TENTH, {"1": known, ARM: {"gateway": None}, "2": {"gateway": None}})
    for poll in [alone, *before[1:], *gate.step(30, {"1": 90.0, "2": 10.0}), *gate.step(30, TENTH)]:
        state, _ = observe(POLICY, state, poll)
        assert state.pair == latency.next_pair(state.ledger.edges, state.recent, POLICY.p95_ratio)
        pairs.append(present(state.pair).u)
    assert len(set(pairs)) > 2

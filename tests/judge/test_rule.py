import pytest

from components.judge import Policy, Poll, Sample, Verdict, begin, go_on, judge, observe
from tests.support.polls import Gateway, MakeGateway
from tests.support.present import present

POLICY = Policy()
STEPPED = Policy(steps=(10, 50, 100), watch_s=300)


def verdicts(polls: list[Poll], policy: Policy = POLICY) -> list[Verdict]:
    state, found = begin(policy, "1", "2"), []
    for poll in polls:
        state, verdict = observe(policy, state, poll)
        found.append(verdict)
    return found


def codes(verdict: Verdict) -> list[str]:
    return [reason.code for reason in verdict.reasons]


def test_a_safe_version_at_good_traffic_is_promoted_exactly_at_the_watchs_end(
    gateway: MakeGateway,
) -> None:
    gate = gateway()
    found = verdicts([gate.poll(), *gate.watch(121)])
    assert {verdict.decision for verdict in found[:120]} == {"HOLD"}
    assert not any(verdict.final for verdict in found[:120])
    promoted = found[120]
    assert (promoted.decision, promoted.final, promoted.at) == ("PROMOTE", True, 1800)
    assert (promoted.step, promoted.next_step, codes(promoted)) == (10, 100, ["safe"])
    assert found[121] == promoted


def test_a_promotion_that_is_held_is_judged_on(gateway: MakeGateway) -> None:
    gate = gateway()
    state = begin(POLICY, "1", "2")
    for poll in [gate.poll(), *gate.watch(120)]:
        state, promoted = observe(POLICY, state, poll)
    assert promoted.decision == "PROMOTE"
    held, found = go_on(state), []
    assert go_on(held) is held
    for poll in [*gate.watch(20), *gate.watch(40, errors=0.2)]:
        held, verdict = observe(POLICY, held, poll)
        found.append(verdict)
        state, still = observe(POLICY, state, poll)
        assert still == promoted
    assert [(each.decision, codes(each)) for each in found[:20]] == [("HOLD", ["passed"])] * 20
    assert (found[-1].decision, codes(found[-1])) == ("ROLLBACK", ["error_rate"])
    assert go_on(held).over == found[-1]


def test_a_failing_version_is_rolled_back(gateway: MakeGateway) -> None:
    gate = gateway()
    verdict = judge(POLICY, "1", "2", [gate.poll(), *gate.watch(120, errors=0.05)])
    assert (verdict.decision, verdict.final, codes(verdict)) == ("ROLLBACK", True, ["error_rate"])
    assert verdict.at <= 180
    assert "of the candidate's requests failed, over the limit of 1.00%" in verdict.text
    assert present(verdict.evidence).limit.speaks
    assert present(verdict.evidence).relative.speaks


def test_half_of_the_requests_failing_is_seen_at_the_second_poll(gateway: MakeGateway) -> None:
    gate = gateway()
    verdict = judge(POLICY, "1", "2", [gate.poll(), *gate.watch(120, rps=0.5, errors=0.5)])
    assert (verdict.decision, verdict.at) == ("ROLLBACK", 30)


def test_a_slow_version_is_rolled_back(gateway: MakeGateway) -> None:
    gate = gateway()
    gate.p95["2"] = 160.0
    verdict = judge(POLICY, "1", "2", [gate.poll(), *gate.watch(120)])
    assert (verdict.decision, codes(verdict)) == ("ROLLBACK", ["p95"])
    assert verdict.at <= 180


@pytest.mark.parametrize("p95", [100.0, 120.0, 130.0])
def test_a_version_within_the_p95_ratio_is_not_rolled_back(
    gateway: MakeGateway, p95: float
) -> None:
    gate = gateway()
    gate.p95["2"] = p95
    assert judge(POLICY, "1", "2", [gate.poll(), *gate.watch(120)]).decision == "PROMOTE"


def after_a_busy_hour(gateway: MakeGateway) -> Gateway:
    """Production answered ten thousand requests four times as slowly as it does now."""
    gate = gateway()
    gate.change_p95("1", 400.0)
    gate.serve("1", 10_000, 0)
    gate.change_p95("1", 100.0)
    return gate


def test_a_busy_hour_before_the_release_does_not_hide_a_slow_version(gateway: MakeGateway) -> None:
    gate = after_a_busy_hour(gateway)
    gate.p95["2"] = 200.0
    verdict = judge(POLICY, "1", "2", [gate.poll(), *gate.watch(120, rps=1)])
    assert (verdict.decision, codes(verdict)) == ("ROLLBACK", ["p95"])
    assert verdict.at <= 900


def test_a_busy_hour_before_the_release_does_not_withhold_a_good_version(
    gateway: MakeGateway,
) -> None:
    gate = after_a_busy_hour(gateway)
    polls = [gate.poll(), *gate.watch(121, rps=0.5, errors=0, champion_errors=0)]
    assert judge(POLICY, "1", "2", polls).decision == "PROMOTE"


def test_a_fault_of_both_versions_is_held_and_never_promoted(gateway: MakeGateway) -> None:
    gate = gateway()
    polls = [gate.poll(), *gate.watch(240, errors=0.06, champion_errors=0.06)]
    found = verdicts(polls)
    assert {verdict.decision for verdict in found} == {"HOLD"}
    assert "shared_fault" in codes(found[30])
    assert found[-1].final
    assert "shared_fault" in codes(found[-1])


def test_a_fault_of_both_versions_that_is_over_is_not_forgotten(gateway: MakeGateway) -> None:
    # The outage is so short that the whole watch's error rate is well below the limit.
    gate, policy = gateway(), Policy(watch_s=7200)
    outage = {"errors": 0.5, "champion_errors": 0.5}
    polls = [gate.poll(), *gate.watch(5), *gate.watch(5, **outage), *gate.watch(1000)]
    found = verdicts(polls, policy)
    assert present(found[480].evidence).limit.log_e < present(found[480].evidence).limit.log_needed
    assert present(found[480].evidence).safe.speaks
    assert {verdict.decision for verdict in found} == {"HOLD"}
    assert (found[-1].final, codes(found[-1])) == (True, ["undecided", "shared_fault"])


def test_a_version_over_the_limit_and_later_shown_to_be_worse_is_rolled_back(
    gateway: MakeGateway,
) -> None:
    gate, policy = gateway(), Policy(watch_s=7200)
    outage = {"errors": 0.5, "champion_errors": 0.5}
    polls = [gate.poll(), *gate.watch(5, **outage), *gate.watch(100)]
    polls += gate.watch(300, errors=0.009)
    verdict = judge(policy, "1", "2", polls)
    assert (verdict.decision, codes(verdict)) == ("ROLLBACK", ["error_rate"])
    assert present(verdict.evidence).limit.log_e < present(verdict.evidence).limit.log_needed


def test_a_fault_that_begins_late_is_seen_as_fast_as_one_from_the_start(
    gateway: MakeGateway,
) -> None:
    gate = gateway()
    polls = [gate.poll(), *gate.watch(80), *gate.watch(40, errors=0.05)]
    verdict = judge(POLICY, "1", "2", polls)
    assert verdict.decision == "ROLLBACK"
    assert verdict.at <= 1200 + 180


def test_evidence_is_carried_from_step_to_step(gateway: MakeGateway) -> None:
    gate = gateway()
    first, second = gate.watch(20), gate.watch(20, share=50.0)
    found = verdicts([gateway().poll(), *first, *second], STEPPED)
    passed = [(v.step, v.next_step, v.final, v.at) for v in found if v.decision == "PROMOTE"]
    assert passed == [(10, 50, False, 300), (50, 100, True, 600)]
    at_first, in_all = (present(found[number].evidence).candidate for number in (20, -1))
    assert in_all.requests == 2 * at_first.requests


def test_a_step_that_waits_for_the_next_can_still_be_rolled_back(gateway: MakeGateway) -> None:
    gate = gateway()
    found = verdicts([gate.poll(), *gate.watch(20), *gate.watch(20, errors=0.2)], STEPPED)
    assert found[20].decision == "PROMOTE"
    assert found[-1].decision == "ROLLBACK"


def test_nothing_is_judged_before_the_candidate_has_traffic(gateway: MakeGateway) -> None:
    gate = gateway()
    polls = []
    for _ in range(5):
        gate.t += 15
        gate.serve("1", 1000, 0.5)
        polls.append(gate.poll())
    assert {tuple(codes(verdict)) for verdict in verdicts(polls)} == {("waiting",)}


def test_a_release_by_polls_that_begin_with_a_split_takes_the_first_as_baseline(
    gateway: MakeGateway,
) -> None:
    gate = gateway()
    found = verdicts(gate.watch(121))
    assert present(found[0].evidence).champion.requests == 0
    assert (found[-1].decision, found[-1].at) == ("PROMOTE", 1815)


def test_a_repeated_or_older_poll_changes_nothing(gateway: MakeGateway) -> None:
    gate = gateway()
    polls = [gate.poll(), *gate.watch(120)]
    noisy = [again for poll in polls for again in (poll, poll, polls[0])]  # each twice and late
    assert judge(POLICY, "1", "2", noisy) == judge(POLICY, "1", "2", polls)
    assert codes(verdicts(noisy)[1]) == ["late_poll"]


@pytest.mark.parametrize("t", [float("nan"), float("inf"), -1.0])
def test_a_poll_at_no_time_changes_nothing(gateway: MakeGateway, t: float) -> None:
    gate = gateway()
    polls = [gate.poll(), *gate.watch(120)]
    strange = Poll(t, polls[50].weights, polls[90].sources)
    whole = judge(POLICY, "1", "2", polls[:60])
    assert judge(POLICY, "1", "2", [*polls[:50], strange, *polls[50:60], strange]) == whole


def test_a_split_that_is_not_the_weights_is_an_error(gateway: MakeGateway) -> None:
    gate = gateway()
    polls = [gate.poll(), *gate.watch(120, share=40.0)]
    lied = [polls[0], *(Poll(poll.t, {"1": 90, "2": 10}, poll.sources) for poll in polls[1:])]
    verdict = judge(POLICY, "1", "2", lied)
    assert (verdict.decision, codes(verdict)) == ("ERROR", ["split_mismatch"])
    assert verdict.at <= 60


def test_the_mixture_of_splits_right_after_a_step_is_no_mismatch(gateway: MakeGateway) -> None:
    gate = gateway()
    polls = [gate.poll(), *gate.watch(20)]
    late = gate.watch(21, share=50.0)
    # The scrape lags: the counters of the first poll at 50 % are still those of 10 %.
    gate_before = Poll(late[0].t, late[0].weights, polls[-1].sources)
    verdict = judge(STEPPED, "1", "2", [*polls, gate_before, *late[1:]])
    assert verdict.decision == "PROMOTE"


@pytest.mark.parametrize(
    "weights",
    [{"1": 60, "2": 10, "3": 30}, {"1": float("nan"), "2": 10}, {"1": -90, "2": 10}],
)
def test_weights_that_are_no_split_of_two_versions_are_an_error(
    gateway: MakeGateway, weights: dict[str, float]
) -> None:
    gate = gateway()
    polls = [gate.poll(), *gate.watch(3)]
    polls[2] = Poll(polls[2].t, weights, polls[2].sources)
    verdict = judge(POLICY, "1", "2", polls)
    assert (verdict.decision, verdict.final, codes(verdict)) == ("ERROR", True, ["not_comparable"])


def test_both_idle_is_named_and_no_pass(gateway: MakeGateway) -> None:
    gate = gateway()
    polls = [gate.poll(), *gate.watch(119)]
    gate.t += 15
    found = verdicts([*polls, gate.poll(), *gate.watch(1)])
    assert (found[120].decision, codes(found[120])) == ("HOLD", ["both_idle"])
    assert found[121].decision == "PROMOTE"


def test_a_starved_candidate_is_named_and_rolled_back_in_the_end(gateway: MakeGateway) -> None:
    gate = gateway()
    polls = [gate.poll()]
    gate.weights = {"1": 90, "2": 10}
    for _ in range(240):
        gate.t += 15
        gate.serve("1", 675, 0.001)
        polls.append(gate.poll())
    found = verdicts(polls)
    assert codes(found[2]) == ["candidate_starved"]
    assert {verdict.decision for verdict in found[:240]} == {"HOLD"}
    assert (found[240].decision, found[240].at) == ("ROLLBACK", 3600)
    assert codes(found[240])[:2] == ["undecided", "candidate_starved"]


@pytest.mark.parametrize("down", [{"candidate": {}}, {"champion": {"gateway": None}}])
def test_a_version_that_cannot_be_read_is_scrape_down_and_no_pass(
    gateway: MakeGateway, down: dict[str, dict[str, Sample | None]]
) -> None:
    gate = gateway()
    polls = [gate.poll(), *gate.watch(119)]
    gate.watch(1)
    found = verdicts([*polls, gate.poll(**down), *gate.watch(2)])
    assert (found[120].decision, codes(found[120])) == ("HOLD", ["scrape_down"])
    assert "PROMOTE" in {verdict.decision for verdict in found[121:]}


def test_a_listed_source_that_stays_unread_never_promotes(gateway: MakeGateway) -> None:
    gate = gateway()
    polls = [gate.poll(), *gate.watch(5)]
    for poll in gate.watch(240):
        read = {version: {**found, "lost": None} for version, found in poll.sources.items()}
        polls.append(Poll(poll.t, poll.weights, read))
    found = verdicts(polls)
    assert "PROMOTE" not in {verdict.decision for verdict in found}
    assert "scrape_down" in codes(found[-1])


@pytest.mark.parametrize(
    ("undecided", "decision", "at"),
    [("extend", "ROLLBACK", 3600), ("hold", "HOLD", 1800), ("rollback", "ROLLBACK", 1800)],
)
def test_too_little_traffic_ends_as_the_policy_says(
    gateway: MakeGateway, undecided: str, decision: str, at: int
) -> None:
    gate = gateway()
    policy = Policy(undecided=undecided)
    polls = [gate.poll(), *gate.watch(241, rps=0.05, errors=0, champion_errors=0)]
    verdict = judge(policy, "1", "2", polls)
    assert (verdict.decision, verdict.final, verdict.at) == (decision, True, at)
    assert codes(verdict)[0] == "undecided"


def test_an_extended_watch_promotes_as_soon_as_the_evidence_is_there(gateway: MakeGateway) -> None:
    gate = gateway()
    policy = Policy(watch_s=60, max_extension=20)
    verdict = judge(policy, "1", "2", [gate.poll(), *gate.watch(90)])
    assert verdict.decision == "PROMOTE"
    assert 60 < verdict.at < 600


def test_a_poll_that_cannot_be_read_at_the_watchs_end_waits_even_when_told_to_roll_back(
    gateway: MakeGateway,
) -> None:
    gate = gateway()
    policy = Policy(undecided="rollback")
    polls = [gate.poll(), *gate.watch(119)]
    gate.watch(1)
    found = verdicts([*polls, gate.poll(candidate={"gateway": None}), *gate.watch(2)], policy)
    assert (found[120].decision, found[120].final) == ("HOLD", False)
    assert found[-1].decision == "PROMOTE"


def test_buckets_that_cannot_decide_the_ratio_never_promote(gateway: MakeGateway) -> None:
    gate = gateway()

    def coarse(poll: Poll) -> Poll:
        return Poll(
            poll.t,
            poll.weights,
            {
                version: {
                    name: Sample(
                        present(sample).requests,
                        present(sample).errors,
                        {edge: n for edge, n in present(sample).buckets.items() if edge in kept},
                    )
                    for name, sample in sources.items()
                }
                for version, sources in poll.sources.items()
            },
        )

    kept = [*list(gate.sample("1").buckets)[::8], "+Inf"]
    found = verdicts([coarse(poll) for poll in [gate.poll(), *gate.watch(240)]])
    assert {verdict.decision for verdict in found} == {"HOLD", "ROLLBACK"}
    assert "p95_undecidable" in codes(found[120])


def test_no_final_verdict_is_taken_back(gateway: MakeGateway) -> None:
    gate = gateway()
    found = verdicts([gate.poll(), *gate.watch(20, errors=0.3), *gate.watch(300, errors=0.0)])
    final = next(verdict for verdict in found if verdict.final)
    assert found[-1] == final


def test_the_judge_holds_when_there_are_no_polls() -> None:
    assert judge(POLICY, "1", "2", []).decision == "HOLD"


def test_a_version_is_not_judged_against_itself() -> None:
    with pytest.raises(ValueError, match="itself"):
        begin(POLICY, "2", "2")


THRESHOLD = Policy(method="threshold", min_requests=500)


def test_the_threshold_rule_waits_for_its_minimum_of_requests(gateway: MakeGateway) -> None:
    gate = gateway()
    verdict = judge(THRESHOLD, "1", "2", [gate.poll(), *gate.watch(120, errors=0.5)])
    assert (verdict.decision, codes(verdict)) == ("ROLLBACK", ["error_rate"])
    assert verdict.at == 105


def test_the_threshold_rule_compares_p95s(gateway: MakeGateway) -> None:
    gate = gateway()
    gate.p95["2"] = 140.0
    verdict = judge(THRESHOLD, "1", "2", [gate.poll(), *gate.watch(120)])
    assert (verdict.decision, codes(verdict)) == ("ROLLBACK", ["p95"])


@pytest.mark.parametrize(
    ("ours", "theirs", "decision", "code"),
    [
        (900_000.0, 100.0, "ROLLBACK", "p95"),
        (900_000.0, 900_000.0, "ROLLBACK", "undecided"),
        (100.0, 900_000.0, "PROMOTE", "safe"),
    ],
)
def test_the_threshold_rule_knows_no_p95_beyond_the_top_bucket(
    gateway: MakeGateway, ours: float, theirs: float, decision: str, code: str
) -> None:
    gate = gateway()
    gate.p95 = {"1": theirs, "2": ours}
    verdict = judge(THRESHOLD, "1", "2", [gate.poll(), *gate.watch(240)])
    assert (verdict.decision, codes(verdict)[0]) == (decision, code)
    evidence = present(verdict.evidence)
    beyond = [arm.p95_ms is None for arm in (evidence.candidate, evidence.champion)]
    assert beyond == [ours > 1000, theirs > 1000]
    if decision == "ROLLBACK":
        assert "highest bucket edge" in verdict.text


def test_the_threshold_rule_promotes_what_is_within_its_thresholds(gateway: MakeGateway) -> None:
    gate = gateway()
    verdict = judge(THRESHOLD, "1", "2", [gate.poll(), *gate.watch(120)])
    assert (verdict.decision, verdict.at) == ("PROMOTE", 1800)


def test_the_threshold_rule_does_not_pass_too_few_requests(gateway: MakeGateway) -> None:
    gate = gateway()
    verdict = judge(THRESHOLD, "1", "2", [gate.poll(), *gate.watch(240, rps=0.1)])
    assert (verdict.decision, codes(verdict)[0]) == ("ROLLBACK", "undecided")


def test_a_version_whose_latencies_are_not_known_is_not_promoted(gateway: MakeGateway) -> None:
    gate = gateway()
    polls = []
    for poll in [gate.poll(), *gate.watch(121)]:
        found = present(poll.sources["2"]["gateway"])
        unknown = Sample(found.requests, found.errors, {})
        polls.append(Poll(poll.t, poll.weights, poll.sources | {"2": {"gateway": unknown}}))
    verdict = judge(POLICY, "1", "2", polls)
    assert (verdict.decision, codes(verdict)) == ("HOLD", ["undecided"])
    assert "do not show a p95 below 1.5 times" in verdict.text


def test_a_poll_that_is_a_little_early_ends_the_watch(gateway: MakeGateway) -> None:
    gate = gateway()
    polls = [gate.poll(), *gate.watch(121)]
    early = [Poll(max(poll.t - 0.4, 0.0), poll.weights, poll.sources) for poll in polls]
    assert judge(POLICY, "1", "2", early).at == 1799.6

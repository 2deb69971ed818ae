"""One client's requests carry no promotion alone where the policy asks for several clients."""

from collections.abc import Mapping

import msgspec
import pytest

from components.judge import Asked, Policy, Poll, Verdict, judge
from tests.support.polls import MakeGateway

Shares = Mapping[str, tuple[float, float]]
"""Requests a second of the candidate, and the share of them that fails, by client."""

SHARED_PROMOTION = Policy(watch_s=900)
OF_TWO = Policy(watch_s=900, min_clients=2)


def asked(gateway: MakeGateway, shares: Shares, polls: int = 61, **polled: float) -> list[Poll]:
    """Polls of a candidate whose clients are these."""
    gate = gateway()
    rps = sum(each for each, _ in shares.values())
    failed = sum(each * errors for each, errors in shares.values()) / rps
    found = [gate.poll(), *gate.watch(polls, rps=rps, errors=failed, **polled)]
    for number, poll in enumerate(found):
        counted = {
            client: Asked(float(round(15 * number * each)), float(round(15 * number * each * bad)))
            for client, (each, bad) in shares.items()
        }
        found[number] = msgspec.structs.replace(poll, clients=counted if number else {})
    return found


def codes(verdict: Verdict) -> list[str]:
    return [reason.code for reason in verdict.reasons]


FLOOD: Shares = {"shop": (0.8, 0.031), "flood": (12, 0.0)}
"""One client sends requests that never fail, so that the failures of another are not seen."""


def test_a_flood_of_good_requests_is_named(gateway: MakeGateway) -> None:
    found = judge(SHARED_PROMOTION, "1", "2", asked(gateway, FLOOD))
    assert (found.decision, codes(found)) == ("PROMOTE", ["safe", "one_client"])
    assert found.text.endswith("93% of the evidence came from one client, flood")


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        (FLOOD, "without flood, 732 requests with 23 failures do not show"),
        # Below any share that is named, and the failures are thinned out all the same.
        ({"shop": (1, 0.02), "batch": (3, 0.0)}, "without batch, 915 requests with 18 failures"),
        # The others are shown to be safe, yet the p95 is the busiest's.
        ({"shop": (2, 0.0), "batch": (40, 0.0)}, "95% of the candidate's requests were batch's"),
        ({"batch": (5, 0.0)}, "without batch, 0 requests with 0 failures do not show"),
        ({}, "nobody tells the clients apart: no evidence of 2 clients"),
    ],
)
@pytest.mark.parametrize("method", ["sequential", "threshold"])
def test_what_the_busiest_client_alone_would_promote_is_not_promoted(
    gateway: MakeGateway, shares: Shares, said: str, method: str
) -> None:
    polls = asked(gateway, shares or {"any": (5, 0.0)})
    if not shares:
        polls = [msgspec.structs.replace(poll, clients={}) for poll in polls]
    alone = SHARED_PROMOTION.model_copy(update={"method": method, "min_requests": 500})
    assert judge(alone, "1", "2", polls).decision == "PROMOTE"
    found = judge(alone.model_copy(update={"min_clients": 2}), "1", "2", polls)
    assert (found.decision, found.final) == ("HOLD", False)
    assert "few_clients" in codes(found)
    assert said in found.text


def test_evidence_of_two_clients_promotes_when_it_would_have_without(gateway: MakeGateway) -> None:
    polls = asked(gateway, {"shop": (2, 0.001), "batch": (3, 0.0)})
    alone, both = judge(SHARED_PROMOTION, "1", "2", polls), judge(OF_TWO, "1", "2", polls)
    assert (both.decision, both.at, both.reasons) == ("PROMOTE", alone.at, alone.reasons)


def test_the_two_busiest_are_left_out_where_three_are_asked_for(gateway: MakeGateway) -> None:
    shares = {"shop": (1.0, 0.02), "flood-1": (4, 0.0), "flood-2": (4, 0.0)}
    polls = asked(gateway, shares)
    wide = OF_TWO.model_copy(update={"client_share": 1.0})
    assert judge(wide, "1", "2", polls).decision == "PROMOTE"
    found = judge(wide.model_copy(update={"min_clients": 3}), "1", "2", polls)
    assert "without flood-1 and flood-2, 915 requests with 18 failures" in found.text


def test_a_bad_version_is_rolled_back_whoever_asks(gateway: MakeGateway) -> None:
    polls = asked(gateway, {"batch": (5, 0.2)})
    alone, two = judge(SHARED_PROMOTION, "1", "2", polls), judge(OF_TWO, "1", "2", polls)
    assert (two.decision, two.at) == (alone.decision, alone.at) == ("ROLLBACK", alone.at)
    assert codes(two) == ["error_rate", "one_client"]


@pytest.mark.parametrize("fell", [{}, {"shop": Asked(3.0)}, {"shop": Asked(-1.0)}])
def test_counters_that_fell_or_make_no_sense_add_nothing(
    gateway: MakeGateway, fell: dict[str, Asked]
) -> None:
    shares = {"shop": (2, 0.0), "batch": (3, 0.0)}
    polls = asked(gateway, shares)
    polls[10:50] = [
        poll if number % 2 else msgspec.structs.replace(poll, clients=fell)
        for number, poll in enumerate(polls[10:50])
    ]
    found = judge(OF_TWO, "1", "2", polls)
    assert found.evidence is not None
    assert found.evidence.others_safe is not None
    whole = judge(OF_TWO, "1", "2", asked(gateway, shares)).evidence
    assert whole is not None
    assert whole.others_safe is not None
    assert found.evidence.others_safe.log_e < whole.others_safe.log_e


def test_without_clients_a_verdict_is_written_as_ever(gateway: MakeGateway) -> None:
    polls = [msgspec.structs.replace(poll, clients={}) for poll in asked(gateway, FLOOD)]
    body = judge(SHARED_PROMOTION, "1", "2", polls).to_json()
    assert not {"one_client", "others_safe"} & set(body["evidence"])
    assert all("clients" not in poll.to_json() for poll in polls)

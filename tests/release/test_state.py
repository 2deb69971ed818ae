"""A release's state: what its record's lines add up to."""

from dataclasses import replace

import msgspec
import pytest

from components.errors import InputError
from components.judge import Poll, Verdict
from components.platform import StoredVersion
from components.record import (
    Body,
    Deployed,
    Ended,
    EvaluationSkipped,
    Fetched,
    Line,
    Noted,
    Opened,
    Unknown,
    WeightsSet,
)
from components.release.state import ReleaseState, fold
from tests.support.endpoints import endpoint
from tests.support.worlds import scores

SETTINGS = endpoint(release={"steps": [10, 50, 100]}).model_dump(mode="json")
HEAD = Opened(
    schema=2,
    release_id="r",
    endpoint="demo",
    model="demo",
    candidate="2",
    champion="1",
    run_id="run",
    settings=SETTINGS,
)


def verdict(decision: str, step: float = 10.0) -> Verdict:
    return Verdict(decision, False, 60.0, step, None, (), None)  # type: ignore[arg-type]


def state(*bodies: Body, head: Opened = HEAD) -> ReleaseState:
    return fold([Line(n, 100.0 + n, body, "", b"{}") for n, body in enumerate((head, *bodies))])


def test_it_begins_with_what_the_first_line_says() -> None:
    found = state()
    assert (found.release_id, found.candidate, found.champion) == ("r", "2", "1")
    assert (found.kind, found.run_id, found.started_at) == ("canary", "run", 100.0)
    assert found.model == "demo"
    assert found.endpoint.name == "demo"
    assert found.watched_steps == (10, 50)
    assert found.watched
    assert found.way_back == {"1": 100}
    assert found.percent == 0
    assert found.why == ""
    done = (found.files, found.evaluation, found.weights, found.verdict, found.outcome)
    assert done == (None,) * 5
    assert (found.deployed, found.promoting) == (False, False)
    assert (found.passed, found.polls) == ((), ())


def test_a_first_release_has_nothing_to_go_back_to() -> None:
    head = msgspec.structs.replace(HEAD, champion=None, release_kind="first")
    found = state(head=head)
    assert found.way_back == {}
    assert not found.watched


def test_each_line_adds_what_it_says() -> None:
    files = {"2": {"digest": "d", "uri": "u"}}
    stored = {"2": StoredVersion("demo", "2", "d", "u")}
    assert state(Fetched(version="2", files=files)).files == stored
    assert state(scores(False)).evaluation == scores(False)
    assert state(EvaluationSkipped(skipped="why")).evaluation == EvaluationSkipped(skipped="why")
    assert state(Deployed(versions=("1", "2"))).deployed
    assert state(Noted("step_failed", "deploy: no")).failure == "deploy: no"
    assert state(Noted("resumed", "deploy: no")) == state()
    assert state(Unknown("cost", {"euros": 3})) == state()
    ended = state(Ended("held", "why"))
    assert (ended.outcome, ended.reason) == ("held", "why")
    poll = Poll(1.0, {"1": 100.0}, {})
    assert state(poll, verdict("HOLD")).polls == (poll,)


def test_a_step_is_passed_by_a_verdict_under_the_step_s_own_split() -> None:
    split = WeightsSet(weights={"1": 90, "2": 10}, applied_s=0.1)
    found = state(split, verdict("HOLD"), verdict("PROMOTE"), verdict("PROMOTE"))
    assert found.percent == 10
    assert found.passed == (10,)
    assert found.verdict == verdict("PROMOTE")
    half = WeightsSet(weights={"1": 50, "2": 50}, applied_s=0.1)
    assert state(split, verdict("PROMOTE"), half, verdict("PROMOTE", 50.0)).passed == (10, 50)


def test_nothing_is_passed_by_a_verdict_of_a_share_that_the_release_has_not_set() -> None:
    split = WeightsSet(weights={"1": 90, "2": 10}, applied_s=0.1)
    assert state(split, verdict("PROMOTE", 90.0)).passed == ()


def test_a_release_is_promoting_as_long_as_its_candidate_has_everything() -> None:
    everything = WeightsSet(weights={"2": 100}, applied_s=0.1)
    back = WeightsSet(weights={"1": 100}, applied_s=0.1)
    assert state(everything).promoting
    assert not state(everything, back).promoting


@pytest.mark.parametrize("stage", [0, -1, 3])
def test_a_step_that_the_endpoint_does_not_have_is_named(stage: int) -> None:
    assert [state().watched_step(each) for each in (1, 2)] == [10, 50]
    with pytest.raises(InputError, match=f"r has 2 watched steps: there is no step {stage}"):
        state().watched_step(stage)


def test_files_that_were_not_fetched_are_named() -> None:
    with pytest.raises(InputError, match="has not fetched version 2: start a new release"):
        state().stored("2")
    found = replace(state(), files={"2": StoredVersion("demo", "2", "d", "u")})
    assert found.stored("2").uri == "u"


def test_what_is_no_release_s_record_is_refused() -> None:
    with pytest.raises(InputError, match="does not begin with a 'release' line"):
        fold([])
    with pytest.raises(InputError, match="holds no settings: it can only be replayed"):
        state(head=msgspec.structs.replace(HEAD, settings={}))

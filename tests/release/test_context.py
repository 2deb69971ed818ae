"""What a step works with, and on whose behalf it acts."""

import json
import os
from pathlib import Path

import msgspec
import pytest

from components import failure
from components.errors import InputError, LeaseHeld, PlatformError, Unreachable
from components.evaluation.result import EvaluationResult
from components.platform.memory import Killed, World
from components.record import Ended, Line, Noted, Record, of
from components.release import context, deploying, evaluating, opening
from components.release.anchor import RECORD_FILE
from components.release.context import ENGINE, opened, refuse_bad_id
from components.release.lease import this_process
from tests.support.endpoints import endpoint
from tests.support.present import present
from tests.support.records import opened as head_of
from tests.support.worlds import NAME, Scene, quick, scores


@pytest.fixture
def fetched() -> Scene:
    found = quick()
    with found.opened("r") as release:
        opening.fetch(release, NAME, "2")
    return found


def test_a_step_acts_for_its_engine_s_run_if_there_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(ENGINE, raising=False)
    with opened("r", World().platform) as release:
        assert (release.holder, release.engine) == (this_process(), False)
    monkeypatch.setenv(ENGINE, "run 7")
    with opened("r", World().platform) as release:
        assert (release.holder, release.engine) == ("run 7", True)


def test_the_scratch_folder_is_empty_and_does_not_outlive_the_step() -> None:
    with opened("r", World().platform) as release:
        assert list(release.scratch.iterdir()) == []
        (release.scratch / "file").touch()
    assert not release.scratch.exists()


@pytest.mark.parametrize("bad", ["", "a/b", "../a", "-a", ".a", "a b", "a" * 121, "a\n"])
def test_what_cannot_be_a_release_s_id_is_refused(bad: str) -> None:
    with pytest.raises(InputError, match="is not a release's id: see 'sluice releases'"):
        refuse_bad_id(bad)
    with pytest.raises(InputError), opened(bad, World().platform):
        pass
    refuse_bad_id("demo-v2_1.0-20261118-110640-250")


def test_why_a_step_failed_is_left_for_its_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tmp_path / "failure"
    monkeypatch.setenv(failure.VARIABLE, str(left))
    with pytest.raises(InputError), opened("r", World().platform) as release:
        release.state()
    assert json.loads(left.read_text())["error"] == "InputError"
    assert "no release 'r': see 'sluice releases'" in left.read_text()


def test_a_release_that_a_newer_sluice_wrote_is_not_gone_on_with() -> None:
    world = World()
    head = head_of("r", quick().endpoint.release.policy())
    record = Record(world.platform.records, "r", world.clock)
    record.append(msgspec.structs.replace(head, schema=99))
    said = r"recorded in schema 99, .*: resume it with the Sluice that wrote it, or a newer one"
    with pytest.raises(InputError, match=said), opened("r", world.platform) as release:
        release.state()


def test_a_release_that_has_ended_is_held_by_nobody(fetched: Scene) -> None:
    fetched.finalize("r")
    with fetched.opened("r") as release:
        state = release.state()
        with pytest.raises(LeaseHeld, match="release r has ended: error"):
            release.hold(state)
    assert fetched.lease is None


def test_who_finds_an_end_leaves_the_lease_to_the_cleaning_up(fetched: Scene) -> None:
    with fetched.opened("r") as release:
        state = release.state()
        release.end("error", "by another process, which is about to clean up")
        with pytest.raises(LeaseHeld, match="has ended"):
            release.hold(state)
    assert present(fetched.lease).release_id == "r"
    fetched.recover()
    assert fetched.one_version("r") == "error"


def test_who_wakes_after_a_promotion_and_dies_changes_nobody_s_traffic() -> None:
    number = 0
    while True:
        found = quick()
        with found.opened("r") as release:
            opening.fetch(release, NAME, "2")
            asleep = release.state()
        found.walk("2", "r", engine="engine 2")
        found.world.faults.fail("*", skip=number, times=1, error=Killed)
        try:
            with found.opened("r") as release, pytest.raises(LeaseHeld):
                release.hold(asleep)
            break
        except Killed:
            found.recover()
        assert found.weights == {"2": 100}, number
        assert found.lease is None
        number += 1
    assert number > 3


def test_a_lease_that_is_missing_is_taken_anew_with_the_way_back(fetched: Scene) -> None:
    lease = present(fetched.lease)
    fetched.world.leases.swap(NAME, lease.token, None)
    with fetched.opened("r") as release:
        held = release.hold(release.state())
    assert held.lease.restore == {"1": 100}
    assert fetched.lease == held.lease
    assert fetched.walk("2", "r").outcome == "promoted"
    assert fetched.one_version("r") == "promoted"


def test_a_step_that_fails_is_noted_unless_the_record_is_another_process_s(
    fetched: Scene,
) -> None:
    fetched.world.away("files.get")
    with pytest.raises(Unreachable):
        fetched.walk("2", "r")
    (noted,) = of(fetched.record("r"), Noted)
    assert (noted.event, noted.detail) == ("step_failed", "evaluate: files.get: no answer")
    assert fetched.state("r").reason == noted.detail
    assert fetched.one_version("r") == "error"


def test_an_end_that_fails_too_hides_not_why_the_release_ended(fetched: Scene) -> None:
    fetched.world.away("files.get")
    fetched.world.faults.fail("traffic.wait_in_force", times=1, error=PlatformError)
    with pytest.raises(PlatformError, match="wait_in_force"):
        fetched.walk("2", "r")
    fetched.recover(80)
    assert fetched.state("r").reason == "evaluate: files.get: no answer"
    assert fetched.one_version("r") == "error"


def test_a_failure_that_cannot_be_noted_is_told_as_it_is(fetched: Scene) -> None:
    fetched.world.away("files.get")
    fetched.world.away("records.append")
    said = r"files\.get: no answer"
    with pytest.raises(Unreachable, match=said), fetched.opened("r") as release:
        evaluating.evaluate(release)
    assert of(fetched.record("r"), Noted) == []


def test_a_record_that_has_its_end_takes_no_later_failure() -> None:
    found = quick()
    found.passed = False
    found.walk("2", "r")

    def kinds() -> list[type]:
        lines: list[Line] = found.record("r")
        return [type(line.body) for line in lines]

    before = kinds()
    found.world.away("files.get")
    with pytest.raises((LeaseHeld, PlatformError)), found.opened("r") as release:
        deploying.deploy(release)
    assert kinds() == before
    assert before[-1] is Ended


def test_the_record_is_copied_to_the_release_s_run_or_it_is_noted(fetched: Scene) -> None:
    state = fetched.state("r")
    with fetched.opened("r") as release:
        assert release.copy_record(state)
        content = fetched.world.registry.runs[state.run_id].artifacts[RECORD_FILE]
        assert content == release.record.content()
        fetched.world.away("registry")
        assert not release.copy_record(state)
    assert fetched.events("r") == ["mirror_failed"]


def test_scoring_leaves_the_machine_to_those_who_are_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found: list[int] = []

    def evaluate(*_: object) -> EvaluationResult:
        found.append(os.getpriority(os.PRIO_PROCESS, 0))
        return scores()

    monkeypatch.setattr("components.evaluation.evaluate", evaluate)
    before = os.getpriority(os.PRIO_PROCESS, 0)
    context._score(endpoint(), Path(), None, lambda *_: b"")
    assert found == [19]
    assert os.getpriority(os.PRIO_PROCESS, 0) == before, "what renews the lease waits for all, too"

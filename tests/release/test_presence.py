"""A version without a ready predictor: the other one answers for it, and nobody judges silence."""

from dataclasses import replace
from itertools import pairwise

import pytest

from components.errors import PlatformError, Unreachable
from components.judge import Poll
from components.platform import Running
from components.platform.memory.faults import Killed
from components.record import Covered, WeightsSet, of
from components.release import deciding
from components.release.presence import LOOK_S
from tests.support.present import present
from tests.support.worlds import NAME, QUICK_RPS, Scene, quick

WATCHED_S = 30.0
"""So long after its start the release watches its first step."""


def goes(found: Scene, arm: str, for_s: float, *, after_s: float = WATCHED_S) -> None:
    found.world.clock.after(after_s, lambda: found.world.evict(NAME, arm, for_s))


def splits(found: Scene) -> list[dict[str, int]]:
    return [line.weights for line in of(found.record("r"), WeightsSet)]


def covered(found: Scene) -> list[str]:
    return [line.arm for line in of(found.record("r"), Covered)]


@pytest.mark.parametrize(("arm", "lent"), [("2", {"1": 100}), ("1", {"1": 0, "2": 100})])
def test_the_other_version_answers_until_it_is_back(arm: str, lent: dict[str, int]) -> None:
    found = quick(steps=[50, 100])
    goes(found, arm, 120.0)
    told: list[str] = []
    for after_s in (WATCHED_S - 1, WATCHED_S + 60, WATCHED_S + 130):
        found.world.clock.after(after_s, lambda: told.append(present(found.lease).waits))
    assert found.walk("2", "r").outcome == "promoted"
    away = f"version {arm} has no ready predictor: the other one answers for it"
    assert told == ["", away, ""]
    assert splits(found) == [{"1": 50, "2": 50}, lent, {"1": 50, "2": 50}, {"2": 100}]
    assert covered(found) == [arm, ""]
    # Nobody is sent to where nobody answers for longer than the next look.
    assert 0 < found.failed() <= QUICK_RPS * 0.5 * (LOOK_S + 1)
    assert found.one_version("r") == "promoted"


@pytest.mark.parametrize("poll", ["2s", "3s", "5s"])
def test_it_is_seen_however_often_the_counters_are_read(poll: str) -> None:
    found = quick(steps=[50, 100], poll=poll)
    goes(found, "2", 120.0)
    assert found.walk("2", "r").outcome == "promoted"
    assert covered(found) == ["2", ""]
    assert 0 < found.failed() <= QUICK_RPS * 0.5 * (2 * LOOK_S)


def test_polls_go_on_while_no_proxy_shows_who_answers() -> None:
    found = quick(steps=[50, 100])
    goes(found, "1", 120.0)
    found.world.clock.after(WATCHED_S - 1, lambda: found.world.delay_traffic(45.0))
    found.world.clock.after(WATCHED_S + 60, lambda: found.world.delay_traffic(0.0))
    assert found.walk("2", "r").outcome == "promoted"
    at = [poll.t for poll in of(found.record("r"), Poll)]
    assert max(later - earlier for earlier, later in pairwise(at)) < 30


def test_its_step_is_watched_anew_once_it_is_back() -> None:
    found = quick(steps=[50, 100], watch="60s")
    began = found.world.clock.monotonic()
    goes(found, "2", 20.0, after_s=50.0)
    assert found.walk("2", "r").outcome == "promoted"
    assert found.world.clock.monotonic() - began >= 50.0 + 60.0


def test_a_bad_version_is_none_the_better_for_it() -> None:
    found = quick(steps=[50, 100], watch="10m")
    found.world.behave("2", error_rate=0.05)
    goes(found, "2", 30.0, after_s=5.0)
    assert found.walk("2", "r").outcome == "rolled_back"
    assert found.one_version("r") == "rolled_back"


def test_a_candidate_that_goes_again_and_again_ends_with_the_reason() -> None:
    found = quick(watch="10m")
    for number in range(4):
        goes(found, "2", 20.0, after_s=WATCHED_S + 60.0 * number)
    with pytest.raises(PlatformError, match="no ready predictor for the 4th time: its pod has"):
        found.walk("2", "r")
    assert found.state("r").outcome == "error"
    assert "no ready predictor" in found.state("r").reason
    assert found.one_version("r") == "error"


def test_a_candidate_that_does_not_come_back_is_given_up() -> None:
    found = quick(watch="30m")
    goes(found, "2", 3600.0)
    with pytest.raises(PlatformError, match=r"no ready predictor for 60\d s"):
        found.walk("2", "r")
    assert found.one_version("r") == "error"


def test_a_candidate_may_be_away_for_as_long_as_its_file_says_that_it_starts() -> None:
    found = quick(watch="30m")
    found.serve(starts="20m")
    goes(found, "2", 1000.0)
    assert found.walk("2", "r").outcome == "promoted"
    assert found.one_version("r") == "promoted"


def test_a_champion_is_waited_for_and_its_lent_traffic_promotes_nobody() -> None:
    found = quick(watch="60s")
    goes(found, "1", 1800.0)
    assert found.walk("2", "r").outcome == "promoted"
    assert covered(found) == ["1", ""]
    assert found.world.clock.monotonic() > 1800.0
    killed = quick(watch="60s")
    goes(killed, "1", 1800.0)
    killed.world.clock.after(WATCHED_S + 60.0, lambda: killed.world.faults.fail("records", for_s=1))
    killed.world.clock.after(WATCHED_S + 60.0, lambda: killed.world.faults.fail("*", for_s=300))
    with pytest.raises(PlatformError):
        killed.walk("2", "r")
    killed.recover(3600.0)
    assert killed.state("r").outcome == "error"
    assert killed.weights == {"1": 100}


def test_a_watch_that_was_killed_meanwhile_gives_the_share_back_too() -> None:
    found = quick(steps=[50, 100])
    goes(found, "2", 120.0)
    found.world.clock.after(WATCHED_S + 30.0, lambda: found.world.faults.fail("*", error=Killed))
    with pytest.raises(Killed):
        found.steps("2", "r")
    found.world.faults.clear()
    assert found.weights == {"1": 100}
    assert found.walk("2", "r", engine="engine 2").outcome == "promoted"
    assert covered(found) == ["2", ""]


def test_when_both_are_away_the_split_stays() -> None:
    found = quick(watch="10m")
    goes(found, "1", 60.0)
    goes(found, "2", 60.0)
    assert found.walk("2", "r").outcome in {"promoted", "held"}
    assert {"1": 90, "2": 10} in splits(found)
    assert covered(found) == []


def test_one_word_alone_moves_nothing() -> None:
    """A list of pods may be old: the version itself is asked before its share is lent."""
    found = quick()
    serving = found.world.platform.serving

    class Blind:
        def __getattr__(self, name: str) -> object:
            return getattr(serving, name)

        def running(self, _endpoint: str) -> list[Running]:
            return [Running("2", ready=True)]

    found.world.platform = replace(found.world.platform, serving=Blind())  # type: ignore[arg-type]
    assert found.walk("2", "r").outcome == "promoted"
    assert covered(found) == []


def test_a_platform_that_does_not_say_costs_no_release() -> None:
    found = quick()
    found.world.faults.fail("serving.running", error=Unreachable, skip=1)
    assert found.walk("2", "r").outcome == "promoted"


def test_what_each_version_runs_is_recorded() -> None:
    found = quick()
    for arm in ("1", "2"):
        found.world.serving.said[arm] = Running(arm, ready=True, code=f"sha256:{arm * 64}")
    assert found.walk("2", "r").outcome == "promoted"
    codes = found.state("r").codes
    assert codes == {"1": (f"sha256:{'1' * 64}",), "2": (f"sha256:{'2' * 64}",)}


@pytest.mark.parametrize("arm", ["1", "2"])
def test_a_tag_that_is_pushed_again_ends_the_release_on_the_champion(arm: str) -> None:
    found = quick()
    said = found.world.serving.said
    for each in ("1", "2"):
        said[each] = Running(each, ready=True, code=f"sha256:{each * 64}")
    other = Running(arm, ready=True, code=f"sha256:{'b' * 64}")
    found.world.clock.after(WATCHED_S, lambda: said.update({arm: other}))
    with pytest.raises(PlatformError, match=f"version {arm} runs another image"):
        found.walk("2", "r")
    assert "its tag was pushed again" in found.state("r").reason
    assert found.one_version("r") == "error"


def test_other_conditions_of_the_candidate_are_told() -> None:
    found = quick()
    found.world.serving.said["1"] = Running("1", ready=True, memory="2Gi")
    found.world.serving.said["2"] = Running("2", ready=True, cpu="50m", memory="2Gi")
    assert found.walk("2", "r").outcome == "promoted"
    assert "other_conditions" in found.events("r")


@pytest.mark.parametrize("arm", ["1", "2"])
def test_a_held_step_is_not_taken_while_a_version_is_away_though_it_is_approved(arm: str) -> None:
    found = quick(approval="required")
    goes(found, arm, 120.0, after_s=180.0)

    def approve() -> None:
        deciding.approve(found.world.platform, "r", "")

    found.world.clock.after(200.0, approve)
    assert found.walk("2", "r").outcome == "promoted"
    assert found.world.clock.monotonic() >= 60.0 + 180.0 + 120.0
    lent = {"1": 100} if arm == "2" else {"1": 0, "2": 100}
    assert splits(found) == [{"1": 90, "2": 10}, lent, {"1": 90, "2": 10}, {"2": 100}]
    assert found.one_version("r") == "promoted"


@pytest.mark.parametrize("arm", ["1", "2"])
def test_a_canary_that_was_away_while_it_waited_passes_anew_and_waits_on(arm: str) -> None:
    found = quick(approval="required")
    goes(found, arm, 30.0, after_s=150.0)

    def approve() -> None:
        deciding.approve(found.world.platform, "r", "")

    found.world.clock.after(420.0, approve)
    assert found.walk("2", "r").outcome == "promoted"
    assert found.world.clock.monotonic() > 60.0 + 420.0
    assert found.one_version("r") == "promoted"


@pytest.mark.parametrize("arm", ["1", "2"])
def test_a_canary_that_was_away_while_it_waited_is_judged_on(arm: str) -> None:
    found = quick(approval="required")
    goes(found, arm, 30.0, after_s=150.0)
    found.world.clock.after(300.0, lambda: found.world.behave("2", error_rate=0.3))
    assert found.walk("2", "r").outcome == "rolled_back"
    assert found.one_version("r") == "rolled_back"

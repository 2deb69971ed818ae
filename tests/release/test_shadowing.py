"""The shadow: what copies of production's requests show before the candidate has a user."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import msgspec
import pytest

from components.arms import predictor_of
from components.errors import InputError, LeaseHeld, PlatformError, SluiceError
from components.judge import Poll, Sample
from components.metrics import Reading
from components.platform import Metrics, Mirror
from components.platform.memory import Killed
from components.record import Covered, MirrorSet, Shadowed, WeightsSet, of
from components.release import mirroring
from components.release.operating import roll_back
from components.release.presence import LOOK_S
from tests.support.present import present
from tests.support.worlds import MODEL, NAME, QUICK_RPS, Scene, quick

MINUTE: dict[str, Any] = {"shadow": {"watch": "60s", "percent": 100}}


def begun(**more: Any) -> Scene:
    """A scene whose releases have a shadow of a minute, and then a step of a minute."""
    return quick(**(MINUTE | more))


def shadowed(found: Scene, release_id: str = "r") -> list[Shadowed]:
    return of(found.record(release_id), Shadowed)


def asked(found: Scene, arm: str) -> float:
    """Requests that an arm has counted."""
    read = found.world.platform.metrics.sample(NAME, [arm], 1e9).versions[arm].values()
    return sum(each.requests for each in read if each)


def mirrored(found: Scene) -> Mirror | None:
    return found.world.platform.traffic.mirror(NAME)


def test_it_comes_before_the_first_share_and_leaves_nothing_behind() -> None:
    found = begun()
    assert found.walk("2", "r").outcome == "promoted"
    lines = [line.body for line in found.record("r")]
    kinds = [type(line) for line in lines]
    assert kinds.index(MirrorSet) < kinds.index(WeightsSet)
    (mirror,) = of(found.record("r"), MirrorSet)
    assert (mirror.version, mirror.percent) == ("2", 100)
    phase = lines[kinds.index(MirrorSet) + 1 : kinds.index(WeightsSet)]
    assert Shadowed in map(type, phase)
    assert shadowed(found)[-1].verdict.decision == "PROMOTE"
    assert mirrored(found) is None
    assert found.one_version("r") == "promoted"
    assert found.failed() == 0


def test_none_of_the_copies_is_evidence_of_a_share() -> None:
    found = begun()
    found.walk("2", "r")
    polls = of(found.record("r"), Poll)
    assert all(set(poll.sources) == {"1", "2"} for poll in polls)
    last = present(found.state("r").verdict)
    counted = present(last.evidence).candidate.requests
    assert counted == asked(found, "2") - 0 < asked(found, "2-shadow")
    for line in shadowed(found):
        assert set(line.poll.sources) == {"1", "2-shadow"}


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"error_rate": 0.1}, "error_rate"),
        ({"latency_ms": 60.0}, "p95"),
        ({"refused": 0.3}, "refused"),
    ],
)
def test_a_bad_version_is_found_before_any_user_meets_it(
    fault: dict[str, float], code: str
) -> None:
    found = begun()
    found.world.behave("2", **({"error_rate": 0.0} | fault))
    ended = found.walk("2", "r")
    assert ended.outcome == "rolled_back"
    assert ended.reason.startswith("in its shadow: ")
    assert shadowed(found)[-1].verdict.reasons[0].code == code
    assert asked(found, "2") == 0
    assert of(found.record("r"), Poll) == []
    assert found.failed() == 0
    assert mirrored(found) is None
    assert found.one_version("r") == "rolled_back"


def test_so_many_percent_are_copied() -> None:
    found = begun(shadow={"watch": "60s", "percent": 20})
    found.walk("2", "r")
    last = shadowed(found)[-1].poll
    assert last.weights == pytest.approx({"1": 100 / 1.2, "2-shadow": 20 / 1.2})
    evidence = present(shadowed(found)[-1].verdict.evidence)
    assert evidence.candidate.requests == pytest.approx(0.2 * evidence.champion.requests, rel=0.02)
    assert found.one_version("r") == "promoted"


@pytest.mark.parametrize("percent", range(1, 101, 9))
def test_the_judge_takes_every_percentage_for_a_split(percent: int) -> None:
    found = begun(shadow={"watch": "60s", "percent": percent}, judge={"undecided": "hold"})
    found.walk("2", "r")
    verdicts = [line.verdict for line in shadowed(found)[1:]]
    assert all(verdict.step == pytest.approx(mirroring.share(percent)) for verdict in verdicts)
    codes = {reason.code for verdict in verdicts for reason in verdict.reasons}
    assert codes.isdisjoint({"not_comparable", "split_mismatch"})


def test_a_mirror_that_cannot_keep_up_hurts_no_user_and_is_told() -> None:
    found = begun()
    found.world.copy_at_most(50.0)
    ended = found.walk("2", "r")
    assert ended.outcome == "error"
    assert "not all copies were sent" in ended.reason
    assert "release.shadow.percent" in ended.reason
    assert found.failed() == 0
    assert found.one_version("r") == "error"
    assert asked(found, "2") == 0
    again = begun(shadow={"watch": "60s", "percent": 20})
    again.world.copy_at_most(50.0)
    assert again.walk("2", "r").outcome == "promoted"


def test_a_candidate_that_dies_in_its_shadow_fails_no_user() -> None:
    found = begun()
    found.world.clock.after(20.0, lambda: found.world.crash(NAME, "2", "out of memory"))
    with pytest.raises(PlatformError, match=r"no ready predictor for 60\d s: out of memory"):
        found.walk("2", "r")
    assert found.failed() == 0
    assert found.one_version("r") == "error"


@pytest.mark.parametrize("arm", ["1", "2"])
@pytest.mark.parametrize("after_s", [15.0, 29.0, 50.0])
def test_one_that_is_away_for_a_while_is_waited_for_and_judged_anew(
    arm: str, after_s: float
) -> None:
    found = begun()
    away_s = 40.0
    found.world.clock.after(after_s, lambda: found.world.evict(NAME, arm, away_s))
    told: list[tuple[str, Mirror | None]] = []

    def tell() -> None:
        told.append((present(found.lease).waits, mirrored(found)))

    for at_s in (after_s - 1, after_s + 2 * LOOK_S, after_s + away_s + 2 * LOOK_S):
        found.world.clock.after(at_s, tell)
    assert found.walk("2", "r").outcome == "promoted"
    said = f"version {arm} has no ready predictor: it is waited for"
    copies = Mirror("2", 100)
    assert told == [("", copies), (said, None), ("", copies)]
    lines = [line.body for line in found.record("r")]
    away, back = (line for line in lines if isinstance(line, Covered))
    assert (away.arm, back.arm) == (arm, "")
    # A whole watch of a minute, a poll each 15 s.
    assert len([line for line in lines[lines.index(back) :] if isinstance(line, Shadowed)]) >= 4
    # Users have nobody but production; copies that met nobody are counted here, too.
    assert found.failed() <= QUICK_RPS * (LOOK_S + (away_s if arm == "1" else 0.0))
    assert found.one_version("r") == "promoted"


def test_one_that_does_not_come_back_ends_it_with_the_reason() -> None:
    found = begun(shadow={"watch": "30m", "percent": 100})
    found.world.clock.after(30.0, lambda: found.world.evict(NAME, "2", 3600.0))
    with pytest.raises(PlatformError, match=r"version 2 had no ready predictor for 60\d s"):
        found.walk("2", "r")
    reason = found.state("r").reason
    assert "no ready predictor" in reason
    assert "not all copies" not in reason
    assert asked(found, "2") == 0
    assert found.one_version("r") == "error"


def test_a_bad_version_is_found_though_it_was_away() -> None:
    found = begun(shadow={"watch": "10m", "percent": 100})
    found.world.behave("2", error_rate=0.05)
    found.world.clock.after(5.0, lambda: found.world.evict(NAME, "2", 40.0))
    assert found.walk("2", "r").outcome == "rolled_back"
    assert found.one_version("r") == "rolled_back"


@pytest.mark.parametrize("arm", ["1", "2"])
def test_a_shadow_that_was_killed_while_one_was_away_goes_on(arm: str) -> None:
    found = begun()
    found.world.clock.after(20.0, lambda: found.world.evict(NAME, arm, 60.0))
    found.world.clock.after(30.0, lambda: found.world.faults.fail("*", error=Killed))
    with pytest.raises(Killed):
        found.steps("2", "r")
    found.world.faults.clear()
    assert found.walk("2", "r", engine="engine 2").outcome == "promoted"
    assert [line.arm for line in of(found.record("r"), Covered)] == [arm, ""]
    assert found.one_version("r") == "promoted"


def test_copies_are_blamed_only_where_nobody_was_away() -> None:
    found = begun(shadow={"watch": "10m", "percent": 100})
    found.world.clock.after(20.0, lambda: found.world.evict(NAME, "2", 30.0))
    found.world.clock.after(80.0, lambda: found.world.copy_at_most(50.0))
    assert found.walk("2", "r").outcome == "error"
    reason = found.state("r").reason
    assert "the versions are not comparable" in reason
    assert "not all copies" not in reason


def test_counters_that_cannot_be_read_pass_nobody() -> None:
    found = begun(judge={"max_extension": 0.0})
    found.world.clock.after(5.0, lambda: found.world.away("metrics", for_s=600.0))
    ended = found.walk("2", "r")
    assert ended.outcome == "rolled_back"
    assert "was not read" in ended.reason
    assert found.one_version("r") == "rolled_back"


@pytest.mark.parametrize("call", ["records.append", "traffic.set_mirror", "traffic.wait_in_force"])
def test_a_mirror_that_cannot_be_put_in_force_or_written_down_is_taken_back(call: str) -> None:
    found = begun()
    skip = 5 if call == "records.append" else 0
    found.world.faults.fail(call, times=1, after=True, skip=skip, error=PlatformError, said="no")
    with pytest.raises(SluiceError):
        found.walk("2", "r")
    assert mirrored(found) is None
    found.recover()
    assert found.one_version("r") == "error"
    assert found.failed() == 0


@pytest.mark.parametrize("number", range(0, 60, 7))
def test_a_release_that_is_killed_in_its_shadow_goes_on_or_is_reaped(number: int) -> None:
    whole = begun()
    whole.walk("2", "r")
    calls = whole.world.faults.calls
    first = calls.index("traffic.set_mirror") - 12
    for resumed in (True, False):
        found = begun()
        left = first + number - len(found.world.faults.calls)
        found.world.faults.fail("*", skip=max(left, 0), times=1, error=Killed)
        with pytest.raises(Killed):
            found.walk("2", "r")
        if resumed:
            assert found.walk("2", "r", engine="engine 2").outcome == "promoted"
        found.recover()
        assert found.one_version("r") in {"promoted", "error"}
        assert mirrored(found) is None
        assert found.failed() == 0


def test_an_operator_s_rollback_ends_the_copies() -> None:
    found = begun()

    def operator() -> None:
        roll_back(found.world.platform, NAME, "an incident")

    found.world.clock.after(30.0, operator)
    with pytest.raises(SluiceError, match=r"taken over|ended"):
        found.walk("2", "r")
    assert mirrored(found) is None
    assert found.one_version("r") == "rolled_back"


def test_copies_that_somebody_ended_are_watched_no_more() -> None:
    found = begun()
    traffic = found.world.platform.traffic
    found.world.clock.after(20.0, lambda: traffic.set_weights(NAME, {"1": 100}))
    with pytest.raises(PlatformError, match="somebody else moved it"):
        found.walk("2", "r")
    assert found.one_version("r") == "error"


def test_a_first_release_has_nothing_to_copy() -> None:
    found = begun()
    found.walk("1", "r")
    assert of(found.record("r"), Shadowed) == []


def test_what_a_release_before_it_left_is_not_copied_on() -> None:
    found = quick()
    found.world.serving.create(found.endpoint, found.world.store_version(MODEL, "2"))
    found.world.platform.traffic.set_mirror(NAME, Mirror("2", 50))
    assert found.walk("2", "r").outcome == "promoted"
    assert mirrored(found) is None


def test_both_judgements_together_keep_the_promise() -> None:
    alone, both = quick().endpoint.release, begun().endpoint.release
    assert both.policy().false_rollback == alone.policy().false_rollback / 2
    assert both.shadow_policy().false_rollback == alone.policy().false_rollback / 2


@dataclass(frozen=True)
class Coarse:
    """Metrics whose histogram of copies has few edges, and production's beside it."""

    metrics: Metrics
    edges: tuple[str, ...]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.metrics, name)

    def sample(self, endpoint: str, versions: Sequence[str], max_age: float) -> Reading:
        read = self.metrics.sample(endpoint, versions, max_age)
        if not any(predictor_of(arm) != arm for arm in versions):
            return read
        few = {
            arm: {source: found and self._few(found) for source, found in sources.items()}
            for arm, sources in read.versions.items()
        }
        return replace(read, versions=few)

    def _few(self, found: Sample) -> Sample:
        kept = {edge: found.buckets[edge] for edge in (*self.edges, "+Inf")}
        return msgspec.structs.replace(found, buckets=kept)


def coarse(*edges: str) -> Scene:
    found = begun()
    platform = found.world.platform
    metrics = cast(Metrics, Coarse(platform.metrics, edges))
    found.world.platform = replace(platform, metrics=metrics)
    return found


def test_copies_in_a_coarse_histogram_are_compared_by_the_least_ratio_that_it_can_decide() -> None:
    found = coarse("10", "20", "40", "80", "160")
    assert found.walk("2", "r").outcome == "promoted"
    (mirror,) = of(found.record("r"), MirrorSet)
    assert present(mirror.p95_ratio) == pytest.approx(2.0, abs=0.1)
    assert found.events("r") == ["shadow_p95"]
    assert found.one_version("r") == "promoted"


def test_a_histogram_that_can_decide_nothing_ends_the_release_with_the_mend() -> None:
    found = coarse("1000")
    with pytest.raises(InputError, match="or leave the shadow out"):
        found.walk("2", "r")
    assert mirrored(found) is None
    assert found.one_version("r") == "error"


def test_who_was_overtaken_while_he_began_ends_no_copies_of_his_successor() -> None:
    found = begun()
    calls = found.world.faults.calls

    def overtake() -> None:
        found.walk("2", "r", engine="engine 2")

    whole = begun()
    whole.walk("2", "r")
    number = whole.world.faults.calls.index("traffic.set_mirror") + 1
    found.world.faults.before(number, overtake)
    with pytest.raises(LeaseHeld):
        found.walk("2", "r", engine="engine 1")
    assert calls.count("traffic.set_mirror") >= 2
    assert found.one_version("r") == "promoted"
    assert mirrored(found) is None

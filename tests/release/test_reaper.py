"""The dead-man's switch: two phases, of which the first needs leases and traffic only."""

from dataclasses import dataclass, replace
from typing import cast

import msgspec
import obstore
import pytest

from components.errors import InputError, LeaseHeld, PlatformError, Unreachable
from components.platform import Lease, Leases, Platform
from components.platform.memory import Killed
from components.platform.spans import ObjectSpans
from components.record import Noted, of, parse
from components.release import deploying, evaluating, opening, operating, shifting
from components.release.reaper import GRACE_S, Reaper, abandon
from components.release.state import fold
from tests.support.present import present
from tests.support.records import chained
from tests.support.worlds import MODEL, NAME, Scene, quick

LEASE_S = 60.0


@pytest.fixture
def dead() -> Scene:
    """A release at 10% whose engine has died."""
    found = quick()
    with found.opened("r") as release:
        opening.fetch(release, NAME, "2")
    with found.opened("r") as release:
        evaluating.evaluate(release)
    with found.opened("r") as release:
        deploying.deploy(release)
    with found.opened("r") as release:
        shifting.shift(release, 1)
    return found


def watching(found: Scene) -> Reaper:
    """A reaper that has watched the lease for its length."""
    reaper = Reaper(found.world.platform)
    assert reaper.run() == []
    found.world.clock.sleep(LEASE_S)
    return reaper


def test_a_release_whose_holder_is_silent_is_ended(dead: Scene) -> None:
    reaper = Reaper(dead.world.platform)
    assert reaper.longest_lease() == LEASE_S
    assert reaper.run() == []
    dead.world.clock.sleep(LEASE_S - 0.1)
    assert reaper.run() == []
    assert dead.weights == {"1": 90, "2": 10}
    dead.world.clock.sleep(0.2)
    assert reaper.run() == ["r: error: the pipeline stopped before a verdict"]
    assert dead.one_version("r") == "error"
    (noted,) = of(dead.record("r"), Noted)
    assert (noted.event, noted.detail) == ("reaped", "the lease of engine 1 was silent")
    assert reaper.run() == []
    assert dead.failed() == 0


def test_a_release_that_is_heard_of_is_left_alone(dead: Scene) -> None:
    reaper = Reaper(dead.world.platform)
    for _ in range(10):
        with dead.opened("r") as release:
            release.hold(release.state())
        assert reaper.run() == []
        dead.world.clock.sleep(LEASE_S - 1)
    assert dead.weights == {"1": 90, "2": 10}


@pytest.mark.parametrize("away", ["records", "registry", "metrics", "serving", "files"])
def test_production_has_its_traffic_back_whatever_else_is_away(dead: Scene, away: str) -> None:
    reaper = watching(dead)
    dead.world.away(away)
    reaper.run()
    assert dead.world.proxies.shown(NAME) == {"gateway": {"1": 100}}
    dead.world.faults.clear()
    dead.world.clock.sleep(5)
    reaper.run()
    dead.recover()
    assert dead.one_version("r") == "error"


def test_a_store_that_is_away_delays_the_record_only_and_is_told_once(dead: Scene) -> None:
    reaper = watching(dead)
    dead.world.away("records")
    assert reaper.run() == ["r: not ended yet: records.read: no answer"]
    assert present(dead.lease).returned == "the lease of engine 1 was silent"
    for _ in range(40):
        dead.world.clock.sleep(5)
        assert reaper.run() == []
    dead.world.faults.clear()
    dead.world.clock.sleep(5)
    assert reaper.run() == ["r: error: the pipeline stopped before a verdict"]
    assert dead.one_version("r") == "error"


def test_a_gateway_that_does_not_answer_is_asked_again_at_each_pass(dead: Scene) -> None:
    reaper = watching(dead)
    dead.world.away("traffic")
    assert reaper.run() == ["r: traffic not given back yet: traffic.weights: no answer"]
    dead.world.clock.sleep(5)
    assert reaper.run() == []
    dead.world.faults.clear()
    dead.world.clock.sleep(5)
    assert reaper.run() == ["r: error: the pipeline stopped before a verdict"]
    assert dead.one_version("r") == "error"


def test_a_proxy_that_is_late_is_waited_for_in_the_next_pass(dead: Scene) -> None:
    reaper = watching(dead)
    dead.world.delay_traffic(14)
    (said,) = reaper.run()
    assert "traffic not given back yet" in said
    dead.world.delay_traffic(0)
    assert reaper.run() == ["r: error: the pipeline stopped before a verdict"]
    assert dead.one_version("r") == "error"


def test_a_full_disk_delays_nothing_that_users_see(dead: Scene) -> None:
    reaper = watching(dead)
    dead.world.fill_disk()
    reaper.run()
    assert dead.world.proxies.shown(NAME) == {"gateway": {"1": 100}}
    dead.recover()
    assert dead.one_version("r") == "error"


def test_a_lease_whose_take_over_is_not_answered_is_taken_later(dead: Scene) -> None:
    reaper = watching(dead)
    dead.world.faults.fail("leases.swap", times=1, after=True)
    assert reaper.run() == ["r: lease not taken over yet: leases.swap: its answer was lost"]
    dead.recover(GRACE_S + 70)
    assert dead.one_version("r") == "error"


def test_two_reapers_end_a_release_once(dead: Scene) -> None:
    first, second = watching(dead), Reaper(dead.world.platform)
    second.run()
    dead.world.clock.sleep(LEASE_S)

    def run() -> None:
        second.run()

    dead.world.clock.after(0, run)
    dead.world.delay_traffic(1)
    first.run()
    dead.recover()
    assert dead.one_version("r") == "error"


def test_a_resumed_run_takes_the_release_from_a_reaper_that_has_not_begun(dead: Scene) -> None:
    reaper = Reaper(dead.world.platform)
    reaper.run()
    dead.world.clock.sleep(50)
    assert dead.walk("2", "r", engine="engine 2").outcome == "promoted"
    assert reaper.run() == []
    assert dead.one_version("r") == "promoted"


def test_a_run_that_is_resumed_after_the_first_phase_can_only_end(dead: Scene) -> None:
    reaper = watching(dead)
    dead.world.away("records")
    reaper.run()
    dead.world.faults.clear()
    with pytest.raises(Exception, match=r"production has its traffic back: the lease of engine 1"):
        dead.walk("2", "r", engine="engine 2")
    assert reaper.run() == []
    assert dead.one_version("r") == "error"


def test_a_release_that_was_killed_before_its_record_began_leaves_nothing() -> None:
    found = quick()
    found.world.faults.fail("records.append", times=1, error=Killed)
    with pytest.raises(Killed), found.opened("r") as release:
        opening.fetch(release, NAME, "2")
    assert watching(found).run() == ["r: lease without a record given back"]
    assert found.one_version("r") is None
    assert found.weights == {"1": 100}


def damage(found: Scene, release_id: str) -> None:
    """Change a byte of the record's second line."""
    path = f"records/{release_id}/{1:012d}"
    content = bytes(obstore.get(found.world.store, path).bytes())
    obstore.put(found.world.store, path, content.replace(b"version", b"versiom"))


def test_a_damaged_record_costs_nobody_any_traffic(dead: Scene) -> None:
    damage(dead, "r")
    reaper = watching(dead)
    said = reaper.run()
    assert said[0].startswith("r: ended without its record: r:2: the line was changed")
    assert dead.weights == {"1": 100}
    assert dead.lease is None, "others may release"
    assert dead.failed() == 0
    assert reaper.run() == []
    assert dead.walk("2", "r2").outcome == "promoted"
    assert dead.one_version("r2") == "promoted"


def test_a_damaged_lease_stops_no_other_endpoint_s_end(dead: Scene) -> None:
    dead.world.leases.swap("aa", None, Lease("aa", "other", "engine 9", 60.0, {}))
    reaper = watching(dead)
    dead.world.leases.damage("aa")
    assert reaper.run() == [
        "the lease of aa is damaged",
        "r: error: the pipeline stopped before a verdict",
    ]
    assert dead.weights == {"1": 100}
    assert dead.one_version("r") == "error"
    assert reaper.run() == []


@pytest.mark.parametrize(
    ("name", "other"),
    [("settings", {"name": "x"}), ("settings", {}), ("schema", 99), ("candidate", None)],
)
def test_a_record_of_another_version_stops_no_other_release_s_end(
    dead: Scene, name: str, other: object
) -> None:
    told = [(each.kind, each.at, msgspec.json.decode(each.content)) for each in dead.record("r")]
    told[0][2].update({name: other, "release_id": "aa"})
    obstore.put(dead.world.store, f"records/aa/{0:012d}", chained(told))
    obstore.put(dead.world.store, "pending/aa", b"")
    reaper = Reaper(dead.world.platform)
    (said,) = reaper.run()
    assert said.startswith("aa: record not copied: ")
    dead.world.clock.sleep(LEASE_S)
    assert reaper.run() == ["r: error: the pipeline stopped before a verdict"]
    assert dead.one_version("r") == "error"


def test_a_fetch_without_a_digest_is_one_line(dead: Scene) -> None:
    told = [(each.kind, each.at, msgspec.json.decode(each.content)) for each in dead.record("r")]
    told[1][2]["files"]["2"].pop("digest")
    with pytest.raises(InputError, match="has no 'digest' of version 2's files: start a new"):
        fold(parse(chained(told), "r"))


def test_a_release_whose_lease_was_removed_is_ended(dead: Scene) -> None:
    # By hand, for instance because it was damaged.
    dead.world.leases.swap(NAME, present(dead.lease).token, None)
    said = Reaper(dead.world.platform).run()
    assert said == ["r: had no lease: error: the pipeline stopped before a verdict"]
    assert dead.one_version("r") == "error"
    assert dead.failed() == 0


def test_an_operator_s_reason_ends_the_record_when_the_store_is_back(dead: Scene) -> None:
    reaper = Reaper(dead.world.platform)
    reaper.run()
    dead.world.away("records")
    operating.roll_back(dead.world.platform, NAME, "wrong labels")
    assert dead.weights == {"1": 100}
    dead.world.faults.clear()
    assert reaper.run() == []
    dead.world.clock.sleep(LEASE_S)
    assert reaper.run() == ["r: rolled_back: wrong labels"]
    assert dead.one_version("r") == "rolled_back"


@pytest.mark.parametrize(
    "call",
    [
        *("leases.read", "leases.swap", "traffic.weights"),
        *("records.read", "records.pending", "registry.version", "moments.tell", "serving.note"),
    ],
)
def test_what_nobody_foresaw_of_one_release_stops_no_other(
    dead: Scene, call: str, caplog: pytest.LogCaptureFixture
) -> None:
    dead.world.leases.swap("zz", None, Lease("zz", "other", "engine 9", LEASE_S, {}))
    reaper = watching(dead)
    dead.world.clock.sleep(60)
    made = len(dead.world.faults.calls)
    dead.world.faults.fail(call, times=1, error=ValueError, said="Expecting value: line 1")
    said = "\n".join(reaper.run())
    assert "ValueError: Expecting value: line 1" in said
    assert "Traceback" in caplog.text
    assert "other: lease without a record given back" in said
    assert dead.world.leases.read("zz") is None
    assert {"moments.tell", "serving.note"} <= set(dead.world.faults.calls[made:])
    dead.recover(GRACE_S + 70)
    assert dead.one_version("r") == "error"


def test_leases_that_do_not_answer_end_a_pass_and_not_the_reaper(dead: Scene) -> None:
    reaper = watching(dead)
    dead.world.away("leases.endpoints", for_s=1)
    with pytest.raises(Unreachable):
        reaper.run()
    dead.world.clock.sleep(5)
    assert reaper.run() == ["r: error: the pipeline stopped before a verdict"]


def test_a_record_that_grows_is_not_read_at_each_pass(dead: Scene) -> None:
    reaper = Reaper(dead.world.platform)
    before = len(dead.world.faults.calls)
    reaper.run()
    assert "records.read" not in dead.world.faults.calls[before:]


def test_a_process_that_was_reaped_stops_when_it_wakes(dead: Scene) -> None:
    with dead.opened("r") as release:
        held = release.hold(release.state())
        dead.recover(120)
        with pytest.raises(LeaseHeld, match="was ended by another process: this one stops"):
            held.renew()
    assert dead.finalize("r").outcome == "error"
    assert dead.one_version("r") == "error"
    assert MODEL in dead.world.registry.models


def outcomes(found: Scene) -> list[str]:
    return [moment.labels["outcome"] for moment in found.world.told]


@pytest.mark.parametrize(("error_rate", "outcome"), [(0.0, "promoted"), (0.5, "rolled_back")])
def test_people_are_told_of_each_end_once(error_rate: float, outcome: str) -> None:
    found = quick()
    found.world.behave("2", error_rate=error_rate)
    assert found.walk("2", "r").outcome == outcome
    reaper = Reaper(found.world.platform)
    assert (reaper.run(), reaper.run()) == ([], [])
    assert outcomes(found) == [outcome]


def test_people_are_told_of_a_release_that_the_reaper_ended(dead: Scene) -> None:
    watching(dead).run()
    assert outcomes(dead) == ["error"]


def test_who_tells_people_may_be_away_for_as_long_as_it_likes() -> None:
    found = quick()
    found.world.faults.fail("moments.tell")
    began = found.world.clock.monotonic()
    assert found.walk("2", "r").outcome == "promoted"
    lasted = found.world.clock.monotonic() - began
    assert found.one_version("r") == "promoted"
    reaper = Reaper(found.world.platform)
    assert reaper.run() == ["people are not told yet: moments.tell: no answer"]
    assert outcomes(found) == []
    found.world.faults.clear()
    assert reaper.run() == []
    assert outcomes(found) == ["promoted"]
    undisturbed = quick()
    began = undisturbed.world.clock.monotonic()
    undisturbed.walk("2", "r")
    assert lasted == undisturbed.world.clock.monotonic() - began


def test_what_could_not_be_kept_is_kept_by_the_reaper() -> None:
    found = quick()
    found.world.faults.fail("moments.keep", times=2)
    assert found.walk("2", "r").outcome == "promoted"
    assert "r" in found.world.platform.records.pending()
    reaper = Reaper(found.world.platform)
    assert reaper.run() == ["r: record not copied: moments.keep: no answer"]
    assert reaper.run() == ["r: record copied to MLflow"]
    assert outcomes(found) == ["promoted"]
    assert found.one_version("r") == "promoted"


def test_a_reaper_writes_down_each_minute_which_predictors_are_there() -> None:
    found = quick()
    world = found.world
    noted = "serving.note"
    found.reap(for_s=130.0)
    assert world.faults.calls.count(noted) == 3
    # After a crash of everything it is known until when they were there.
    seen = world.clock.time() - 10.0
    ObjectSpans(world.store).interrupted()
    (span,) = world.platform.serving.spans(NAME)
    assert span.end == pytest.approx(seen, abs=5.0)


def test_a_store_that_takes_no_note_keeps_the_reaper_from_nothing(dead: Scene) -> None:
    reaper = watching(dead)
    dead.world.faults.fail("serving.note")
    said = reaper.run()
    assert "which predictors are there was not written down: serving.note: no answer" in said
    assert dead.state("r").outcome == "error"
    dead.world.faults.clear()
    before = dead.world.faults.calls.count("serving.note")
    reaper.run()
    assert dead.world.faults.calls.count("serving.note") == before + 1


@pytest.mark.parametrize("wall", [-120.0, 0.0, 120.0])
def test_reapers_that_begin_as_a_lease_ends_need_no_second_length(dead: Scene, wall: float) -> None:
    """Their own clocks are in nothing: the store says how long the holder has been silent."""
    dead.world.leases.tells_age = True
    dead.world.clock.sleep(LEASE_S)
    dead.world.clock.set_wall(dead.world.clock.time() + wall)
    reapers = [Reaper(dead.world.platform) for _ in range(2)]
    for _ in range(15):
        for reaper in reapers:
            reaper.run()
        dead.world.clock.sleep(2.0)
    assert dead.weights == {"1": 100}
    assert dead.one_version("r") == "error"


@pytest.mark.parametrize("wall", [-120.0, 120.0])
def test_a_reaper_that_begins_leaves_a_live_lease_alone(wall: float) -> None:
    found = quick(watch="5m")
    found.world.leases.tells_age = True

    def begin() -> None:
        found.world.clock.set_wall(found.world.clock.time() + wall)
        reaper = Reaper(found.world.platform)

        def look() -> None:
            assert reaper.run() == []
            found.world.clock.after(2.0, look)

        look()

    found.world.clock.after(100.0, begin)
    assert found.walk("2", "r").outcome == "promoted"


WHY = "the namespace team was deleted"


@dataclass(frozen=True)
class Without:
    """Leases that nobody may read."""

    leases: Leases
    error: PlatformError

    def read(self, endpoint: str) -> Lease | None:
        raise self.error

    def __getattr__(self, name: str) -> object:
        return getattr(self.leases, name)


def in_a_place(error: PlatformError | None) -> tuple[Scene, Platform]:
    """A release of a team of its own, at 10%; its platform, whose leases say this by now."""
    found = quick()
    found.world.platform = replace(found.world.platform, place="team")
    with found.opened("r") as release:
        opening.fetch(release, NAME, "2")
    with found.opened("r") as release:
        evaluating.evaluate(release)
    with found.opened("r") as release:
        deploying.deploy(release)
    with found.opened("r") as release:
        shifting.shift(release, 1)
    platform = found.world.platform
    if error:
        platform = replace(platform, leases=cast(Leases, Without(platform.leases, error)))
    return found, platform


def test_a_release_whose_place_is_gone_ends_with_what_became_of_it() -> None:
    found, platform = in_a_place(PlatformError("leases is forbidden"))
    found.world.registry.set_alias(MODEL, "candidate", "2")
    with found.opened("r") as release:
        release.record.note("step_failed", "watch: leases is forbidden")
    reason = f"{WHY} (watch: leases is forbidden)"
    assert abandon(platform, WHY) == [f"r: error: {reason}"]
    assert (found.state("r").outcome, found.state("r").reason) == ("error", reason)
    assert "r" not in platform.records.pending()
    assert found.world.registry.alias(MODEL, "candidate") is None
    assert abandon(platform, WHY) == []
    assert outcomes(found) == ["error"]


def test_a_registry_that_is_away_is_told_later_that_a_place_is_gone() -> None:
    found, platform = in_a_place(PlatformError("leases is forbidden"))
    found.world.away("registry")
    with pytest.raises(Unreachable):
        abandon(platform, WHY)
    found.world.faults.clear()
    assert abandon(platform, WHY) == [f"r: error: {WHY}"]
    assert [line.kind for line in found.record("r")].count("end") == 1


def test_a_place_that_is_there_again_keeps_its_releases() -> None:
    found, platform = in_a_place(None)
    assert abandon(platform, WHY) == []
    assert found.state("r").outcome is None


def test_whether_a_place_is_gone_is_not_guessed() -> None:
    found, platform = in_a_place(Unreachable("no answer"))
    with pytest.raises(Unreachable):
        abandon(platform, WHY)
    assert found.state("r").outcome is None


@pytest.mark.parametrize("place", ["other", ""])
def test_others_releases_are_left_alone_when_a_place_is_gone(place: str) -> None:
    found, platform = in_a_place(PlatformError("leases is forbidden"))
    assert abandon(replace(platform, place=place), WHY) == []
    assert found.state("r").outcome is None


def unroute(found: Scene) -> None:
    """Somebody deletes the endpoint's route."""
    found.world.proxies.ask(NAME, {}, None)


def test_production_has_a_route_again_when_somebody_deleted_it(dead: Scene) -> None:
    reaper = watching(dead)
    unroute(dead)
    assert reaper.run() == ["r: error: the pipeline stopped before a verdict"]
    assert dead.weights == {"1": 100}
    assert dead.one_version("r") == "error"


def test_an_operator_gives_production_a_route_again(dead: Scene) -> None:
    unroute(dead)
    done = operating.roll_back(dead.world.platform, NAME, "seen")
    assert (done.weights, done.outcome) == ({"1": 100}, "rolled_back")
    assert dead.one_version("r") == "rolled_back"

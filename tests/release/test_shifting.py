"""Shifting: under the lease, in force at every proxy, and written down."""

from contextlib import suppress

import pytest

from components.errors import InputError, LeaseHeld, PlatformError, Unreachable
from components.judge import Sample
from components.platform import ANSWER_MARGIN_S, RouteLimits
from components.platform.memory import Killed
from components.record import AliasSet, MirrorSet, WeightsSet, of
from components.registry import names
from components.release import (
    deploying,
    ending,
    evaluating,
    opening,
    operating,
    shifting,
    splitting,
    watching,
)
from components.release.restoring import take_over
from components.release.results import Shifted
from tests.support.present import present
from tests.support.worlds import MODEL, NAME, Scene, begin, quick


def deployed(found: Scene, version: str = "2") -> Scene:
    with found.opened("r") as release:
        opening.fetch(release, NAME, version)
    with found.opened("r") as release:
        evaluating.evaluate(release)
    with found.opened("r") as release:
        deploying.deploy(release)
    return found


def shift(found: Scene, stage: int = 1) -> Shifted:
    with found.opened("r") as release:
        return shifting.shift(release, stage)


def test_the_candidate_gets_its_share_at_every_proxy() -> None:
    found = deployed(quick(("gateway-0", "gateway-1")))
    found.world.delay_traffic(3, "gateway-1")
    shifted = shift(found)
    assert shifted.percent == 10
    assert shifted.applied_s == pytest.approx(3, abs=0.05)
    split = {"1": 90, "2": 10}
    assert found.world.proxies.shown(NAME) == {"gateway-0": split, "gateway-1": split}
    (line,) = of(found.record("r"), WeightsSet)
    assert line.weights == split
    assert line.applied_s == pytest.approx(3, abs=0.05)
    assert found.world.registry.alias(MODEL, names.CANDIDATE) == "2"
    assert AliasSet(alias="candidate", version="2") in of(found.record("r"), AliasSet)


def test_the_route_s_limits_are_those_of_the_endpoint_s_file() -> None:
    found = deployed(quick())
    shift(found)
    limits = present(found.world.proxies.route(NAME)).limits
    deadline = found.endpoint.serving.queue.deadline
    assert limits == RouteLimits(200, deadline + ANSWER_MARGIN_S)


def test_a_second_call_shifts_nothing() -> None:
    found = deployed(quick())
    shift(found)
    lines = found.record("r")
    assert shift(found) == Shifted(percent=10, applied_s=0.0)
    assert found.record("r") == lines


def test_a_split_that_was_taken_back_is_put_in_force_again() -> None:
    found = deployed(quick())
    # The line stands, but its answer was lost: so the split was taken back.
    found.world.faults.fail("records.append", skip=1, times=1, after=True)
    found.patience_s = 0
    with pytest.raises(Unreachable):
        shift(found)
    assert found.weights == {"1": 100}
    assert found.state("r").percent == 10
    assert shift(found).percent == 10
    assert found.weights == {"1": 90, "2": 10}
    assert found.walk("2", "r").outcome == "promoted"
    assert found.one_version("r") == "promoted"


def test_a_split_that_cannot_be_written_down_is_taken_back() -> None:
    found = deployed(quick())
    found.world.faults.fail("records.append", skip=1, times=1)
    found.patience_s = 0
    with pytest.raises(Unreachable):
        shift(found)
    assert found.weights == {"1": 100}
    assert of(found.record("r"), WeightsSet) == []


def test_a_registry_that_is_away_does_not_stop_a_shift() -> None:
    found = deployed(quick())
    found.world.away("registry")
    assert shift(found).percent == 10
    assert found.events("r") == ["registry_unreachable"]


@pytest.mark.parametrize("how", ["refused", "late"])
def test_a_proxy_that_does_not_take_the_split_ends_the_release(how: str) -> None:
    found = deployed(quick(("gateway-0", "gateway-1")))
    if how == "refused":
        found.world.faults.fail(
            "traffic.wait_in_force", times=1, error=PlatformError, said="a proxy says no"
        )
    else:
        found.world.delay_traffic(70, "gateway-1")
    said = "a proxy says no" if how == "refused" else r"instead of .* after 10.0 s, nor after 60 s$"
    with pytest.raises(PlatformError, match=said):
        shift(found)
    with suppress(PlatformError):
        found.finalize("r")
    found.recover()
    assert found.one_version("r") == "error"
    assert found.failed() == 0


@pytest.mark.parametrize("shadow", [None, "30s"])
def test_a_gateway_that_starts_again_is_waited_for(shadow: str | None) -> None:
    found = deployed(quick(("gateway-0", "gateway-1"), shadow=shadow))
    before = present(found.lease).renewals
    found.world.delay_traffic(45, "gateway-1")
    shift(found)
    record = found.record("r")
    splits, mirrors = of(record, WeightsSet), of(record, MirrorSet)
    took = [*(each.applied_s for each in splits), *(each.applied_s for each in mirrors)]
    assert took == [pytest.approx(45, abs=0.05)]
    assert present(found.lease).renewals >= before + 4
    assert found.weights == ({"1": 100} if shadow else {"1": 90, "2": 10})


def test_whoever_was_overtaken_waits_for_no_gateway() -> None:
    found = deployed(quick(("gateway-0", "gateway-1")))
    found.world.delay_traffic(45, "gateway-1")
    clock, leases = found.world.clock, found.world.platform.leases
    began = clock.monotonic()

    def overtake() -> None:
        take_over(found.world.platform, present(found.lease), "operator", 60)

    clock.after(5, overtake)
    with pytest.raises(LeaseHeld, match="taken over by operator"):
        shift(found)
    assert clock.monotonic() - began < 15
    assert present(leases.read(NAME)).holder == "operator"


def test_a_poll_that_ends_the_release_leaves_the_share_as_it_is() -> None:
    found = deployed(quick(steps=[10, 50, 100]))
    shift(found)
    found.world.clock.sleep(15)
    with found.opened("r") as release:
        watching.poll(release)
    found.world.clock.sleep(15)

    # Half of the requests for a tenth of the traffic: nothing can be compared.
    def counted(version: str, seen: Sample) -> Sample:
        times = 9 if version == "2" else 1
        scaled = {edge: times * count for edge, count in seen.buckets.items()}
        return Sample(times * seen.requests, seen.errors, scaled)

    found.count_otherwise(counted)
    assert shift(found, 2) == Shifted(percent=10, applied_s=0.0)
    assert found.weights == {"1": 90, "2": 10}
    assert present(found.state("r").verdict).decision == "ERROR"


def test_what_has_no_champion_is_not_shifted() -> None:
    found = begin()
    with found.opened("r") as release:
        opening.fetch(release, NAME, "1")
    with pytest.raises(InputError, match="no champion: there is nothing to shift from"):
        shift(found)


@pytest.mark.parametrize("stage", [0, 2])
def test_a_step_that_there_is_not_is_named(stage: int) -> None:
    found = deployed(quick())
    with pytest.raises(InputError, match=f"there is no step {stage}"):
        shift(found, stage)
    assert found.weights == {"1": 100}


def test_who_was_overtaken_shifts_nothing() -> None:
    found = deployed(quick())

    def overtake() -> None:
        found.engine = "engine 2"
        with found.opened("r") as release:
            deploying.deploy(release)
            release.take_lease(found.endpoint, {})
        found.engine = "engine 1"

    with found.opened("r") as release:
        state = release.state()
        held = release.hold(state)
        overtake()
        with pytest.raises(LeaseHeld, match="taken over by engine 2"):
            splitting.put_in_force(release, state, held, {"1": 90, "2": 10})
    assert found.weights == {"1": 100}


def suspended(found: Scene, meanwhile: str) -> None:
    """Let who shifts be suspended for long before the gateway hears of it.

    Its call to the gateway is late, and the process is told that another one has the lease.
    """
    traffic = found.world.platform.traffic
    asked = traffic.set_weights
    waiting = [True]

    def late(endpoint: str, weights: dict[str, int], limits: RouteLimits | None = None) -> None:
        if waiting.pop() if waiting else False:
            match meanwhile:
                case "rolled back":
                    operating.roll_back(found.world.platform, NAME, "wrong labels")
                case "promoted":
                    found.walk("2", "r", engine="engine 2")
                case "promoted, and the champion before is served again":
                    found.walk("2", "r", engine="engine 2")
                    found.world.platform.serving.create(
                        found.endpoint, found.world.store_version(MODEL, "1")
                    )
                case "another":
                    operating.roll_back(found.world.platform, NAME, "wrong labels")
                    found.engine = "engine 3"
                    with found.opened("r2") as release:
                        opening.fetch(release, NAME, "2")
                    found.world.platform.serving.create(
                        found.endpoint, found.world.store_version(MODEL, "2")
                    )
            found.engine = "engine 1"
        asked(endpoint, weights, limits)

    found.replace_traffic(late)


@pytest.mark.parametrize(
    ("meanwhile", "split"),
    [
        ("promoted, and the champion before is served again", {"2": 100}),
        ("another", {"1": 100}),
    ],
)
def test_who_wakes_after_the_end_gives_the_traffic_to_whom_it_belongs(
    meanwhile: str, split: dict[str, int]
) -> None:
    found = deployed(quick())
    suspended(found, meanwhile)
    with pytest.raises(LeaseHeld):
        shift(found)
    assert found.weights == split


@pytest.mark.parametrize(
    ("meanwhile", "loser", "outcome"),
    [("rolled back", "2", "rolled_back"), ("promoted", "1", "promoted")],
)
def test_who_wakes_after_the_end_finds_no_loser_to_send_anybody_to(
    meanwhile: str, loser: str, outcome: str
) -> None:
    found = deployed(quick())
    suspended(found, meanwhile)
    with pytest.raises(PlatformError, match=f"version {loser} is not served"):
        shift(found)
    assert found.one_version("r") == outcome


def test_who_is_overtaken_while_proxies_are_late_writes_nothing_more() -> None:
    found = deployed(quick())
    found.world.delay_traffic(5)

    def roll_back() -> None:
        found.world.delay_traffic(0)
        operating.roll_back(found.world.platform, NAME, "wrong labels")

    found.world.clock.after(2, roll_back)
    with pytest.raises((LeaseHeld, PlatformError)):
        shift(found)
    assert of(found.record("r"), WeightsSet) == []
    assert found.one_version("r") == "rolled_back"


def test_a_shift_that_a_dead_process_left_behind_is_undone_by_the_clean_up() -> None:
    found = deployed(quick())
    with found.opened("r") as release:
        ending.rollback(release)
    # The record has its end, but the lease is still there for the cleaning up.
    found.world.platform.traffic.set_weights(NAME, {"1": 90, "2": 10})
    found.recover()
    assert found.one_version("r") == "error"
    assert found.failed() == 0


def test_a_shift_may_be_killed_and_called_again() -> None:
    found = deployed(quick())
    found.world.faults.fail("traffic.wait_in_force", times=1, error=Killed)
    with pytest.raises(Killed):
        shift(found)
    assert found.state("r").percent == 0
    assert shift(found).percent == 10
    assert found.state("r").percent == 10

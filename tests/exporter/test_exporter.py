"""Scrapes of a memory platform: through a release, and when something is damaged or away."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

import obstore
import pytest

from components.errors import InputError
from components.exporter import Exporter
from components.exporter.families import OUTCOMES
from components.platform import Platform, Records
from components.platform.memory import World
from components.record import SCHEMA, Ended, Opened, Record
from components.release import (
    deploying,
    ending,
    evaluating,
    opening,
    shadowing,
    shifting,
    watching,
)
from tests.exporter.conftest import Page
from tests.support.worlds import Scene, quick

Scrape = Callable[[Exporter], Page]


def phase(page: Page, endpoint: str = "demo") -> str:
    """The one phase that the endpoint is in."""
    found = page["sluice_release_phase"]
    (now,) = (each for (name, each), value in found.items() if name == endpoint and value)
    return now


def finished(page: Page, endpoint: str = "demo") -> dict[str, float]:
    found = page["sluice_release_finished_total"]
    return {outcome: count for (name, outcome), count in found.items() if name == endpoint}


def up(page: Page) -> dict[str, float]:
    return {source: value for (source,), value in page["sluice_exporter_source_up"].items()}


def write(world: World, release_id: str, endpoint: str = "demo", outcome: str = "") -> None:
    """The record of a release that has begun, and ended if it says how."""
    head = Opened(
        schema=SCHEMA,
        release_id=release_id,
        endpoint=endpoint,
        model="m",
        candidate="2",
        champion="1",
    )
    record = Record(world.platform.records, release_id, world.clock)
    record.append(head)
    if outcome in OUTCOMES:
        record.append(Ended(outcome, "so it is"))


def test_a_release_is_told_from_its_beginning_to_its_end(scrape: Scrape) -> None:
    found = quick(baseline=True)
    found.world.room("there is", enough=True)
    exporter = Exporter(found.world.platform)

    before = scrape(exporter)
    assert phase(before) == "idle"
    assert before["sluice_release_weight_percent"] == {("demo", "1", "champion"): 100}
    assert finished(before) == dict.fromkeys(OUTCOMES, 0)
    assert before["sluice_endpoint_info"] == {("demo", "demo"): 1}

    began = found.world.clock.time()
    with found.opened("r") as release:
        opening.fetch(release, "demo", "2")
    assert phase(scrape(exporter)) == "evaluating"
    with found.opened("r") as release:
        evaluating.evaluate(release)
    assert phase(scrape(exporter)) == "deploying"
    with found.opened("r") as release:
        deploying.deploy(release)
        shifting.shift(release, 1)
    page = scrape(exporter)
    assert phase(page) == "watching"
    assert page["sluice_release_weight_percent"] == {
        ("demo", "1", "champion"): 80,
        ("demo", "2", "candidate"): 10,
        ("demo", "1-baseline", "baseline"): 10,
    }
    info = {key[1]: key[2:] for key in page["sluice_version_info"]}
    assert info == {
        "1": ("champion", "demo", "1", "text-classifier", ""),
        "2": ("candidate", "demo", "2", "text-classifier", ""),
        "1-baseline": ("baseline", "demo", "1", "text-classifier", ""),
    }
    assert page["sluice_version_cpu_cores"]["demo", "2"] == 1
    assert page["sluice_version_memory_bytes"]["demo", "2"] == 2 * 2**30
    expires = {("demo",): pytest.approx(found.world.clock.time() + 60)}
    assert page["sluice_lease_expires_timestamp_seconds"] == expires
    with found.opened("r") as release:
        watching.watch(release, 1)
    page = scrape(exporter)
    assert phase(page) == "promoting"
    started = page["sluice_release_started_timestamp_seconds"]
    assert started == {("demo", "2", "r"): pytest.approx(began, abs=1)}
    tests = {test for _, test in page["sluice_release_evidence"]}
    assert tests == {"limit", "relative", "latency", "split", "safe", "p95_safe", "refused"}
    assert page["sluice_release_evidence_bound"].keys() == page["sluice_release_evidence"].keys()
    bound = page["sluice_release_evidence_bound"]["demo", "safe"]
    assert page["sluice_release_evidence"]["demo", "safe"] >= bound > 0
    with found.opened("r") as release:
        ending.promote(release)
        ending.finalize(release)

    after = scrape(exporter)
    assert phase(after) == "idle"
    assert finished(after) == dict.fromkeys(OUTCOMES, 0) | {"promoted": 1}
    assert after["sluice_release_weight_percent"] == {("demo", "2", "champion"): 100}
    assert after["sluice_lease_expires_timestamp_seconds"] == {}
    assert after["sluice_release_evidence"] == page["sluice_release_evidence"]
    assert set(up(after).values()) == {1}
    found.world.clock.sleep(300)
    assert scrape(exporter)["sluice_release_evidence"] == {}


def test_a_candidate_in_its_shadow_is_seen_as_such(scrape: Scrape) -> None:
    found = quick(shadow="60s")
    exporter = Exporter(found.world.platform)
    with found.opened("r") as release:
        opening.fetch(release, "demo", "2")
        evaluating.evaluate(release)
        deploying.deploy(release)
        shifting.shift(release, 1)
    page = scrape(exporter)
    assert phase(page) == "shadowing"
    assert {key[1]: key[2] for key in page["sluice_version_info"]}["2"] == "shadow"
    with found.opened("r") as release:
        shadowing.shadow(release)
    page = scrape(exporter)
    assert phase(page) == "watching"
    assert page["sluice_release_evidence"]["demo", "safe"] > 0


def test_a_version_that_fails_is_seen_on_its_way_back(scrape: Scrape) -> None:
    found = quick()
    found.world.behave("2", error_rate=0.5)
    exporter = Exporter(found.world.platform)
    with found.opened("r") as release:
        opening.fetch(release, "demo", "2")
        evaluating.evaluate(release)
        deploying.deploy(release)
        shifting.shift(release, 1)
        watching.watch(release, 1)
    page = scrape(exporter)
    assert phase(page) == "rolling_back"
    assert page["sluice_release_evidence"]["demo", "limit"] > 0
    with found.opened("r") as release:
        ending.rollback(release)
        ending.finalize(release)
    assert finished(scrape(exporter)) == dict.fromkeys(OUTCOMES, 0) | {"rolled_back": 1}


def test_a_release_that_ended_held_is_so_until_the_next_one_begins(scrape: Scrape) -> None:
    world = World()
    exporter = Exporter(world.platform)
    write(world, "demo-v2-1", outcome="held")
    assert scrape(exporter)["sluice_release_held"] == {("demo",): 1}
    world.clock.sleep(1)
    write(world, "demo-v2-2")
    page = scrape(exporter)
    assert page["sluice_release_held"] == {("demo",): 0}
    assert phase(page) == "fetching"
    assert finished(page)["held"] == 1


def test_what_is_over_is_read_once_and_what_grows_only_on(scrape: Scrape) -> None:
    world = World()
    for number in range(5):
        write(world, f"demo-v2-{number}", outcome="promoted")
        world.platform.records.close(f"demo-v2-{number}")
    write(world, "demo-v2-9")
    exporter = Exporter(world.platform)
    assert finished(scrape(exporter))["promoted"] == 5
    world.faults.calls.clear()
    for _ in range(3):
        scrape(exporter)
    asked = [call for call in world.faults.calls if call.startswith("records.")]
    assert asked == ["records.pending", "records.read"] * 3


def test_a_damaged_record_is_counted_and_hides_no_other(scrape: Scrape) -> None:
    world = World()
    write(world, "demo-v2-1", outcome="promoted")
    write(world, "demo-v2-2")
    world.platform.records.append("torn", 0, b'{"seq": 0')
    world.platform.records.append("demo-v2-2", 1, b"no line\n")
    exporter = Exporter(world.platform)
    for _ in range(2):
        page = scrape(exporter)
        assert page["sluice_exporter_damaged_records"] == {(): 2}
        assert finished(page)["promoted"] == 1
        assert up(page)["records"] == 1
    world.faults.calls.clear()
    scrape(exporter)
    assert "records.read" not in world.faults.calls
    # Somebody brings it back.
    obstore.delete(world.store, "records/demo-v2-2/000000000001")
    world.clock.sleep(60)
    page = scrape(exporter)
    assert page["sluice_exporter_damaged_records"] == {(): 1}
    assert phase(page) == "fetching"


def test_a_record_whose_first_line_is_being_written_is_none_yet(scrape: Scrape) -> None:
    world = World()
    write(world, "demo-v2-1", outcome="error")
    obstore.put(world.store, "pending/demo-v2-2", b"")
    exporter = Exporter(world.platform)
    for _ in range(2):
        page = scrape(exporter)
        assert finished(page)["error"] == 1
        assert page["sluice_exporter_damaged_records"] == {(): 0}
        assert page["sluice_exporter_unread_records"] == {(): 0}


def test_a_record_of_a_later_schema_is_told_as_far_as_it_is_understood(scrape: Scrape) -> None:
    world = World()
    head = Opened(
        schema=SCHEMA + 1,
        release_id="r",
        endpoint="demo",
        model="m",
        candidate="2",
        champion="1",
        settings={"unheard": "of"},
    )
    Record(world.platform.records, "r", world.clock).append(head, Ended("held", "later"))
    page = scrape(Exporter(world.platform))
    assert page["sluice_release_held"] == {("demo",): 1}
    assert page["sluice_exporter_damaged_records"] == {(): 0}


def served() -> Scene:
    """An endpoint in production, of which a record tells."""
    found = quick()
    write(found.world, "demo-v1-0", outcome="promoted")
    return found


def test_a_store_that_is_away_is_told_of_and_what_was_known_stands(scrape: Scrape) -> None:
    found = served()
    exporter = Exporter(found.world.platform)
    known = scrape(exporter)
    found.world.away("records")
    found.world.away("endpoints")
    page = scrape(exporter)
    assert up(page) == {"records": 0, "endpoints": 0, "leases": 1, "prices": 1, "serving": 1}
    del known["sluice_exporter_source_up"], page["sluice_exporter_source_up"]
    # Leases and splits are asked for elsewhere.
    assert page == known
    found.world.platform.traffic.set_weights("demo", {})
    assert scrape(exporter)["sluice_release_weight_percent"] == {}
    found.world.faults.clear()
    assert set(up(scrape(exporter)).values()) == {1}


def test_a_store_that_was_never_there_hides_no_lease(scrape: Scrape) -> None:
    found = served()
    with found.opened("r") as release:
        opening.fetch(release, "demo", "2")
    found.world.away("records")
    found.world.away("endpoints")
    page = scrape(Exporter(found.world.platform))
    assert list(page["sluice_lease_expires_timestamp_seconds"]) == [("demo",)]
    assert page["sluice_release_weight_percent"]["demo", "1", "champion"] == 100
    assert page["sluice_release_finished_total"] == {}, "nobody knows how many"


@dataclass(frozen=True)
class Hung:
    """Records that are not read before they may be."""

    records: Records
    may: threading.Event

    def read(self, release_id: str, since: int) -> list[bytes]:
        """See `components.platform.Records`."""
        self.may.wait()
        return self.records.read(release_id, since)

    def releases(self) -> list[str]:
        """See `components.platform.Records`."""
        return self.records.releases()

    def pending(self) -> list[str]:
        """See `components.platform.Records`."""
        return self.records.pending()


def hung(platform: Platform) -> tuple[Platform, threading.Event]:
    may = threading.Event()
    records = Hung(platform.records, may)
    return replace(platform, records=records), may  # type: ignore[arg-type]


def test_a_store_that_answers_late_keeps_no_scrape_waiting(scrape: Scrape) -> None:
    platform, may = hung(served().world.platform)
    exporter = Exporter(platform, patience_s=0.05)
    for _ in range(2):
        page = scrape(exporter)
        assert up(page) == {"records": 0, "endpoints": 1, "leases": 1, "prices": 1, "serving": 1}
        assert page["sluice_exporter_unread_records"] == {(): 1}
        assert page["sluice_release_finished_total"] == {}
        assert page["sluice_version_info"].keys() == {
            ("demo", "1", "champion", "demo", "1", "text-classifier", "")
        }
    may.set()
    patient = Exporter(platform, patience_s=30)
    assert finished(scrape(patient))["promoted"] == 1


def test_a_damaged_lease_is_counted_and_hides_no_other(scrape: Scrape) -> None:
    found = quick()
    with found.opened("r") as release:
        opening.fetch(release, "demo", "2")
    exporter = Exporter(found.world.platform)
    scrape(exporter)
    found.world.leases.damage("other")
    page = scrape(exporter)
    assert page["sluice_exporter_damaged_leases"] == {(): 1}
    assert list(page["sluice_lease_expires_timestamp_seconds"]) == [("demo",)]
    assert up(page)["leases"] == 1


def test_a_lease_expires_its_length_after_it_was_heard_of_last(scrape: Scrape) -> None:
    found = quick()
    exporter = Exporter(found.world.platform)
    with found.opened("r") as release:
        opening.fetch(release, "demo", "2")
    began = found.world.clock.time()
    for waited in (0, 30, 90):
        found.world.clock.set_wall(began)
        found.world.clock.sleep(waited)
        page = scrape(exporter)
        at = page["sluice_lease_expires_timestamp_seconds"]["demo",]
        assert at - found.world.clock.time() <= 60
    assert at < found.world.clock.time(), "its holder is silent"


def test_a_damaged_endpoint_s_file_is_counted_and_known_as_it_was(scrape: Scrape) -> None:
    found = quick()
    exporter = Exporter(found.world.platform)
    before = scrape(exporter)
    obstore.put(found.world.store, "endpoints/demo.yaml", b"name: [")
    found.world.clock.sleep(60)
    page = scrape(exporter)
    assert page["sluice_exporter_damaged_endpoints"] == {(): 1}
    assert page["sluice_version_info"] == before["sluice_version_info"]
    with pytest.raises(InputError):
        found.world.platform.endpoints.load("demo")


def test_a_new_endpoint_is_known_at_once(scrape: Scrape) -> None:
    found = quick()
    exporter = Exporter(found.world.platform)
    scrape(exporter)
    text = bytes(obstore.get(found.world.store, "endpoints/demo.yaml").bytes()).decode()
    found.world.apply(text.replace("name: demo", "name: other"))
    page = scrape(exporter)
    assert page["sluice_endpoint_info"].keys() == {("demo", "demo"), ("other", "demo")}
    assert finished(page, "other") == dict.fromkeys(OUTCOMES, 0)


def test_a_fault_of_ours_in_one_source_hides_no_other(scrape: Scrape) -> None:
    found = served()
    found.world.faults.fail("serving", error=ValueError)
    page = scrape(Exporter(found.world.platform))
    assert up(page)["serving"] == 0
    assert finished(page)["promoted"] == 1


def test_prices_are_told_with_their_age(scrape: Scrape) -> None:
    world = World()
    page = scrape(Exporter(world.platform))
    assert len(page["sluice_price_usd_per_hour"]) == len(page["sluice_price_age_days"]) > 0
    assert all(value > 0 for value in page["sluice_price_usd_per_hour"].values())

    def none() -> list[object]:
        raise InputError("prices.yaml:1: no")

    lost = scrape(Exporter(world.platform, none))  # type: ignore[arg-type]
    assert up(lost)["prices"] == 0
    assert lost["sluice_price_usd_per_hour"] == {}

"""Bills over the memory platform: what was there, what was asked, and what it cost."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from components.arms import version_of
from components.cost import measured, statement, wording
from components.cost.bill import MICRO, Line
from components.cost.prices import MAX_AGE_DAYS, Prices
from components.cost.statement import Statement
from components.cost.summary import summary
from components.errors import InputError
from components.metrics import Alerting, Metered, Reading, Usage
from components.platform import Metrics
from components.platform.memory.clock import START
from tests.support.bills import HOURLY, MACHINE, TODAY, midnight, priced
from tests.support.endpoints import endpoint_settings
from tests.support.worlds import LIMITS, MODEL, NAME, Scene, begin, quick, scene

RUNS = Path(__file__).parents[2] / "benchmarks" / "predictor" / "runs"


def billed(found: Scene, prices: Prices | None = None, start: float = START) -> Statement:
    platform = found.world.platform
    return statement.make(platform, prices or priced(), (start, platform.clock.time()))


def line(bill: Statement, version: str) -> Line:
    return next(each for each in bill.total.lines if each.version == version)


def test_a_bill_over_a_release_adds_up_to_the_provisioned_time() -> None:
    found = quick(price=MACHINE)
    assert found.walk("2").outcome == "promoted"
    end = found.world.clock.time()
    bill = billed(found)
    spans = found.world.platform.serving.spans(NAME)
    seconds = sum((end if span.end is None else span.end) - span.start for span in spans)
    assert {span.version for span in spans} >= {"1", "2"}
    total = bill.total
    assert total.seconds == pytest.approx(seconds, rel=1e-9)
    assert total.amount / MICRO == pytest.approx(HOURLY * seconds / 3600, rel=1e-3)
    assert sum(each.amount for each in total.lines) == total.amount
    assert total.worked + total.idle + total.undivided == total.amount
    said = json.loads(json.dumps(summary(bill)))
    parts = [each["usd"] for each in said["endpoints"][0]["versions"]]
    assert sum(round(MICRO * part) for part in parts) == round(MICRO * said["usd"])


def test_what_was_served_is_what_the_client_s_own_log_says() -> None:
    found = quick(price=MACHINE, baseline=True)
    world = found.world
    world.room("there is room", enough=True)
    world.users(NAME, 0.0)
    world.behave("1", error_rate=0.1)
    world.platform.gateway.add("counts")
    key = world.platform.gateway.key("counts")
    start = world.clock.time()
    log: Counter[tuple[str | None, int]] = Counter()

    def ask() -> None:
        for _ in range(100):
            answer = world.ask(NAME, key)
            log[answer.version, answer.status] += 1

    for second in range(1, 40):
        world.clock.after(float(second), ask)
    world.platform.serving.create(found.endpoint, world.store_version(MODEL, "2"))
    world.platform.traffic.set_weights(NAME, {"1": 70, "2": 30}, LIMITS)
    world.clock.sleep(60.0)
    bill = billed(found, start=start + 0.5)
    for version in ("1", "2"):
        arms = [each for each in bill.total.lines if version_of(each.version) == version]
        assert sum(each.usage.served for each in arms) == log[version, 200]
        assert sum(each.usage.failed for each in arms) == log[version, 500]
    assert log["1", 500] > 100
    usd = bill.total.amount / MICRO
    said = summary(bill)
    answered = log["1", 200] + log["2", 200]
    assert said["usd_per_1000_served"] == pytest.approx(1000 * usd / answered)


def test_a_gateway_that_is_restarted_loses_nothing_of_what_was_served() -> None:
    found = scene(20.0, price=MACHINE)
    found.world.behave("1", error_rate=0.0)
    start = found.world.clock.time()
    found.world.clock.sleep(100.0)
    found.world.restart_proxy("gateway")
    found.world.clock.sleep(200.0)
    usage = billed(found, start=start).total.usage
    assert (usage.served, usage.restarts) == (20 * 300, 1)


def test_a_price_that_changes_in_the_time_bills_each_part_by_its_own() -> None:
    change = midnight(TODAY + timedelta(days=1))
    prices = priced({"since": TODAY + timedelta(days=1), "usd_per_hour": 3.6, "revision": "2"})
    found = begin(price=MACHINE)
    found.world.platform.serving.create(found.endpoint, found.world.store_version(MODEL, "1"))
    found.world.clock.sleep(change - START + 1800.0)
    bill = billed(found, prices, start=change - 3600.0)
    (charge, later) = line(bill, "1").charges
    assert (charge.end, later.start) == (change, change)
    assert bill.total.amount == round(MICRO * (0.36 + 3.6 / 2))


@pytest.mark.parametrize(
    ("price", "days", "why"),
    [
        (None, 0, "its file names no serving.price"),
        ("own/nobody", 0, "no price own/nobody held"),
        (MACHINE, MAX_AGE_DAYS + 1, f"no price {MACHINE} held"),
    ],
)
def test_a_version_without_a_price_is_not_free(price: str | None, days: int, why: str) -> None:
    found = begin(price=price)
    found.world.platform.serving.create(found.endpoint, found.world.store_version(MODEL, "1"))
    found.world.clock.sleep(days * 86400 + 600.0)
    bill = billed(found, start=found.world.clock.time() - 600.0)
    assert (bill.total.seconds, bill.total.unpriced_s, bill.total.amount) == (600.0, 600.0, 0)
    assert bill.notes == (f"demo version 1: 10 min without a price are not in the bill: {why}",)


def test_an_old_price_bills_and_is_warned_of() -> None:
    found = begin(price=MACHINE)
    found.world.platform.serving.create(found.endpoint, found.world.store_version(MODEL, "1"))
    found.world.clock.sleep(100 * 86400)
    bill = billed(found, start=found.world.clock.time() - 3600.0)
    assert bill.total.amount == round(MICRO * HOURLY)
    assert any("was read 100 days ago" in note for note in bill.notes)


def test_without_traffic_there_is_a_bill_and_nothing_per_1000() -> None:
    found = scene(0.0, price=MACHINE)
    said = summary(billed(found))
    assert said["usd"] > 0
    assert (said["served"], said["usd_per_1000_served"], said["usd_per_1000_rows"]) == (
        0,
        None,
        None,
    )
    sleeping = said["endpoints"][0]["scale_to_zero"]
    assert sleeping["saved_usd"] == pytest.approx(said["usd"])


@dataclass(frozen=True)
class Used:
    """Metrics that say that each arm used so much."""

    usage_of: Usage
    unseen_s: float = 0.0
    url: str = ""

    def sample(self, endpoint: str, versions: Sequence[str], max_age: float) -> Reading:
        raise NotImplementedError

    def alerts(self, names: Sequence[str], endpoint: str) -> Mapping[str, Alerting]:
        raise NotImplementedError

    def unfit(self) -> str:
        raise NotImplementedError

    def usage(self, endpoint: str, versions: Sequence[str], start: float, end: float) -> Metered:
        return Metered(dict.fromkeys(versions, self.usage_of), self.unseen_s)


def with_usage(found: Scene, usage: Usage, unseen_s: float = 0.0) -> Scene:
    metrics: Metrics = Used(usage, unseen_s)
    found.world.platform = replace(found.world.platform, metrics=metrics)
    return found


def test_what_the_cores_did_not_work_is_idle() -> None:
    found = scene(20.0, price=MACHINE, since_s=1000.0)
    usage = Usage(requests=4000, failed=1000, rows=6000.0, cpu_s=500.0)
    bill = billed(with_usage(found, usage))
    one = line(bill, "1")
    assert (one.seconds, one.busy, one.amount) == (1000.0, 0.25, 100_000)
    assert (one.worked, one.idle, one.undivided) == (25_000, 75_000, 0)
    said = summary(bill)
    assert said["usd_per_1000_served"] == pytest.approx(0.1 / 3)
    assert said["usd_per_1000_rows"] == pytest.approx(0.1 / 6)
    assert said["cpu_s_per_1000_served"] == pytest.approx(500 / 3)


def test_what_nobody_measured_is_neither_work_nor_idle() -> None:
    bill = billed(with_usage(scene(20.0, price=MACHINE), Usage(requests=10)))
    one = line(bill, "1")
    assert (one.worked, one.idle, one.undivided) == (0, 0, one.amount)


def test_what_was_not_read_is_said() -> None:
    found = with_usage(scene(20.0, price=MACHINE), Usage(requests=10, unsure=True), 90.0)
    notes = " ".join(billed(found).notes)
    assert "the gateway was not read for 1 min 30 s" in notes
    assert "what was counted before anybody read it is left out" in notes


def test_a_time_without_predictors_has_no_bill() -> None:
    found = scene(0.0, price=MACHINE)
    platform = found.world.platform
    now = platform.clock.time()
    for time, said in (((now, now), "the time is empty"), ((now - 10**6, START - 1), "was there")):
        with pytest.raises(InputError, match=said):
            statement.make(platform, priced(), time)
    with pytest.raises(InputError, match="no predictor of nobody"):
        statement.make(platform, priced(), (START, now), "nobody")
    # What is to come is not billed yet.
    ahead = statement.make(platform, priced(), (START, now + 3600))
    assert ahead.end == now


def test_a_run_tells_nothing_of_a_model_of_another_kind() -> None:
    found = scene(20.0, price=MACHINE)
    newest = measured.newest(RUNS)
    assert newest is not None
    platform = found.world.platform
    time = (START, platform.clock.time())
    settings = endpoint_settings(NAME, model=MODEL, serving={"runtime": "mlflow"})
    found.world.apply(json.dumps(settings))
    made = statement.make(platform, priced(), time, run=measured.load(newest))
    (each,) = made.endpoints
    assert (each.capacity, each.gpus) == (None, ())
    assert wording.capacity(each, made) == (
        "no model of its kind was measured: the run is of a text-classifier"
    )


def test_a_gpu_is_cheaper_from_a_rate_on_that_its_price_says() -> None:
    found = scene(20.0, price=MACHINE)
    newest = measured.newest(RUNS)
    assert newest is not None
    gpu = {
        "id": "aws/g6.xlarge/us-east-1/on-demand",
        "usd_per_hour": 4.5 * HOURLY,
        "gpu": {"model": "L4", "count": 1},
    }
    run = measured.load(newest)
    platform = found.world.platform
    prices = priced(gpu, {**gpu, "id": "aws/g6.xlarge/us-east-1/spot", "usd_per_hour": HOURLY})
    bill = statement.make(platform, prices, (START, platform.clock.time()), run=run)
    (each,) = bill.endpoints
    capacity = run.capacity(200.0)
    assert capacity is not None
    (against,) = each.gpus
    assert against.rate == pytest.approx(0.65 * capacity.per_second * 4)
    assert against.needed == pytest.approx(capacity.per_second * 4)
    assert summary(bill)["endpoints"][0]["break_even"]["gpus"][0]["price"] == gpu["id"]

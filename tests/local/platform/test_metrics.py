"""Raw counters: what is missing is None or an error, never a number."""

import time
from collections.abc import Callable
from contextlib import suppress

import httpx
import pytest

from components.errors import Unreachable
from components.judge import Sample
from components.judge.lives import same_life
from local.home import Home
from local.platform.metrics import metrics
from local.servers import ports, supervision
from tests.support.stands import Stand
from tests.support.waiting import wait_until

StandFor = Callable[..., Stand]


def test_a_prometheus_that_does_not_answer_is_unreachable(stand_for: StandFor) -> None:
    stand = stand_for("unreachable")
    nobody = metrics(f"http://127.0.0.1:{ports.choose(1)[0]}")
    with pytest.raises(Unreachable, match="sluice up"):
        nobody.sample(stand.endpoint.name, ["1"], max_age=10)


def test_a_gateway_that_is_not_scraped_gives_none_for_every_source_and_comes_back(
    stand_for: StandFor, home: Home
) -> None:
    stand = stand_for("unscraped")
    stand.split({"1": 100})
    stand.client.post(stand.path)

    def sources() -> dict[str, object]:
        found = stand.platform.metrics.sample(stand.endpoint.name, ["1", "2"], max_age=2)
        return {version: dict(sources) for version, sources in found.versions.items()}

    lost = {"1": {"envoy/rest": None}, "2": {"envoy/rest": None}}
    wait_until(lambda: sources() != lost)
    supervision.stop(home, "gateway")
    try:
        wait_until(lambda: sources() == lost)
    finally:
        supervision.start_stopped(home, "gateway")
    wait_until(lambda: sources() != lost)
    wait_until(lambda: stand.client.post(stand.path).status_code == 200)


def test_a_gateway_that_was_restarted_shows_nothing_of_its_life_before(
    stand_for: StandFor, home: Home
) -> None:
    stand = stand_for("restarted")
    stand.split({"1": 100})

    def read() -> Sample | None:
        # A gateway that fails is read for up to a minute after its last scrape, if one may be old.
        found = stand.platform.metrics.sample(stand.endpoint.name, ["1"], max_age=60)
        return found.versions["1"]["envoy/rest"]

    for _ in range(5):
        stand.client.post(stand.path, headers={"x-test-status": "500"})
    wait_until(lambda: (before := read()) is not None and before.errors == 5)
    old = read()
    assert old is not None
    born = old.born or 0.0
    # Another test may just have started it: lives that begin that close are told as one. A life's
    # begin is read to a second or two, as the gateway flushes its uptime.
    wait_until(lambda: not same_life(time.time() - 3, born))
    supervision.stop(home, "gateway")
    supervision.start_stopped(home, "gateway")

    def answers() -> bool:
        with suppress(httpx.TransportError):
            return stand.client.post(stand.path).status_code == 200
        return False

    wait_until(answers)
    readings: list[Sample] = []

    def of_the_new_life() -> bool:
        found = read()
        if found is not None and not same_life(found.born, old.born):
            readings.append(found)
        return len({reading.requests for reading in readings}) > 1

    def ask() -> bool:
        stand.client.post(stand.path)
        return of_the_new_life()

    wait_until(ask)
    assert {reading.errors for reading in readings} == {0}
    assert all((reading.born or 0) > (old.born or 0) for reading in readings)

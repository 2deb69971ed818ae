"""Raw counters: what is missing is None or an error, never a number."""

from collections.abc import Callable

import pytest

from components.errors import Unreachable
from local import ports, supervisor
from local.buckets import EDGES_US, milliseconds
from local.home import Home
from local.metrics import PrometheusMetrics
from tests.support.stands import Stand
from tests.support.waiting import wait_until

StandFor = Callable[..., Stand]


def test_every_edge_lies_on_a_border_of_envoys_bins() -> None:
    assert all(len(str(edge).rstrip("0")) <= 2 for edge in EDGES_US)


def test_every_edge_up_to_thirty_seconds_has_another_thirty_percent_above_it() -> None:
    for edge in EDGES_US:
        partner = next((other for other in EDGES_US if other >= 1.3 * edge), None)
        if edge <= 30_000_000:
            assert partner is not None
            assert partner / edge < 1.354
    assert (EDGES_US[0], EDGES_US[-1]) == (1000, 41_000_000)


@pytest.mark.parametrize(
    ("edge", "written"), [("1000", "1"), ("1300", "1.3"), ("41000000", "41000"), ("+Inf", "+Inf")]
)
def test_edges_are_written_in_milliseconds(edge: str, written: str) -> None:
    assert milliseconds(edge) == written


def test_a_prometheus_that_does_not_answer_is_unreachable(stand_for: StandFor) -> None:
    stand = stand_for("unreachable")
    nobody = PrometheusMetrics(f"http://127.0.0.1:{ports.choose(1)[0]}")
    with pytest.raises(Unreachable, match="sluice up"):
        nobody.sample(stand.endpoint, ["1"], max_age=10)


def test_a_gateway_that_is_not_scraped_gives_none_for_every_source_and_comes_back(
    stand_for: StandFor, home: Home
) -> None:
    stand = stand_for("unscraped")
    stand.split({"1": 100})
    stand.client.post(stand.path)

    def sources() -> dict[str, object]:
        found = stand.platform.metrics.sample(stand.endpoint, ["1", "2"], max_age=2)
        return {version: dict(found[version]) for version in found}

    lost = {"1": {"envoy/rest": None}, "2": {"envoy/rest": None}}
    wait_until(lambda: sources() != lost)
    supervisor.stop(home, "gateway")
    try:
        wait_until(lambda: sources() == lost)
    finally:
        supervisor.start_stopped(home, "gateway")
    wait_until(lambda: sources() != lost)
    wait_until(lambda: stand.client.post(stand.path).status_code == 200)

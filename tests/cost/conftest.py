"""Fixtures of the tests of the cost report: a statement of a busy day that never was."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from components.cost import measured, statement
from components.cost.statement import Statement
from components.metrics import Alerting, Metered, Reading, Usage
from components.platform.memory import World
from tests.support.bills import MACHINE, TODAY, midnight, priced
from tests.support.endpoints import endpoint_settings
from tests.support.worlds import MODEL

RUNS = Path(__file__).parents[2] / "benchmarks" / "predictor" / "runs"
HOUR = 3600.0
GPU = {
    "id": "aws/g6.xlarge/us-east-1/on-demand",
    "usd_per_hour": 0.8048,
    "gpu": {"model": "L4", "count": 1},
}


@dataclass(frozen=True)
class Told:
    """Metrics that say what they are told, by arm."""

    usages: Mapping[str, Usage] = field(default_factory=dict)
    unseen_s: float = 0.0
    url: str = ""

    def sample(self, endpoint: str, versions: Sequence[str], max_age: float) -> Reading:
        raise NotImplementedError

    def alerts(self, names: Sequence[str], endpoint: str) -> Mapping[str, Alerting]:
        raise NotImplementedError

    def unfit(self) -> str:
        raise NotImplementedError

    def usage(self, endpoint: str, versions: Sequence[str], start: float, end: float) -> Metered:
        return Metered({v: self.usages.get(v, Usage()) for v in versions}, self.unseen_s)


@pytest.fixture(scope="session")
def busy_day() -> Statement:
    """Three arms, a price that changed at midnight, and an endpoint without one."""
    midday = midnight(TODAY) + 12 * HOUR
    world = World(wall=midday)
    banking, other = (
        world.apply(json.dumps(endpoint_settings(name, serving=serving)))
        for name, serving in (("banking77", {"price": MACHINE}), ("tumour", {}))
    )
    serving = world.platform.serving
    for made, version in ((banking, "12"), (other, "1")):
        world.register(MODEL)
        serving.create(made, world.store_version(MODEL, "1"), version)
    world.clock.sleep(6 * HOUR)
    serving.create(banking, world.store_version(MODEL, "1"), "12-baseline")
    serving.create(banking, world.store_version(MODEL, "1"), "13-0a1b2c3d")
    world.clock.sleep(2 * HOUR)
    serving.delete("banking77", "12-baseline")
    world.clock.sleep(16 * HOUR)
    usages = {
        "12": Usage(412_345, 12, 31, rows=498_112.0, cpu_s=11_022.0),
        "12-baseline": Usage(4_105, 0, 1, rows=5_005.0, cpu_s=120.0),
        "13-0a1b2c3d": Usage(93_456, 2_345, 7, rows=101_112.0, cpu_s=8_222.0, restarts=1),
        "1": Usage(7, rows=7.0, cpu_s=3.5, unsure=True),
    }
    platform = replace(world.platform, metrics=Told(usages, 95.0))
    prices = priced(
        {"since": TODAY + timedelta(days=1), "usd_per_hour": 0.12, "revision": "2"}, GPU
    )
    newest = measured.newest(RUNS)
    assert newest is not None
    return statement.make(platform, prices, (midday, midday + 24 * HOUR), run=measured.load(newest))

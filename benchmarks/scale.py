"""Scale on the memory platform: 1,000 endpoints and 100 releases at once, and a tenth of both.

A platform's calls are counted where a release, the reaper, the exporter and a pass of `reconcile`
make them, and told as what a cluster sends for each (`REQUESTS`). Both worlds are measured in
turns, so that a ratio is of one machine at one time.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import obstore
import yaml

from benchmarks.figures import line
from components.engine import Engine, Result, Run
from components.exporter import Exporter
from components.gateway import EDGES_US
from components.platform.memory import World
from components.record import Record
from components.registry import names
from components.release import resuming, watching
from components.release.reaper import Reaper
from pipelines.reconcile import Reconciler
from tests.support.endpoints import endpoint_settings
from tests.support.worlds import LIMITS, MODEL, Scene, scene

LARGE, SMALL = (1000, 100), (100, 10)
"""Endpoints, and releases under way."""
POLLS = 4
"""That each of them has taken."""
ROUNDS = 9
RELEASE: dict[str, Any] = {"steps": [10, 50, 100], "watch": "60m", "poll": "15s", "lease": "10m"}
EVERY_S = {"reaper": 2.0, "exporter": 15.0, "reconcile": 120.0}
"""Seconds between two passes, and two scrapes: `cluster.reaper`, the pod monitors, the clock."""
REAPERS = 2
COUNTERS = 8
"""Series of a version besides the buckets, at least: sum and count of the latencies, its requests
by what became of them, the process's start."""

REQUESTS: Mapping[str, Mapping[str, int]] = {
    "the API server": {
        "leases.read": 1,
        "leases.endpoints": 1,
        "leases.swap": 2,  # read, and replaced if it has not changed
        "traffic.weights": 1,
        "traffic.unfit": 2,  # the routes of all teams, and its own
        "traffic.refuse_unsplittable": 1,
        "serving.versions": 1,
        "serving.stored": 1,
        "serving.readiness": 3,  # the predictor, its pods, the addresses that answer
        "serving.running": 1,
        "decisions.read": 1,
        "endpoints.names": 1,
        "endpoints.load": 1,
    },
    "Prometheus": {"metrics.sample": 1},
    "the store": {
        "records.releases": 1,
        "records.pending": 1,
        "records.read": 1,
        "records.append": 1,
    },
    "MLflow": {"registry.alias": 1, "registry.version": 1},
}
"""What `cluster/` asks for one call of the platform; other calls are rare in what is counted."""


@dataclass
class Site:
    """One world."""

    world: World
    scenes: list[Scene]
    """Of the releases under way."""
    reaper: Reaper = field(init=False)
    exporter: Exporter = field(init=False)
    reconciler: Reconciler = field(init=False)

    def __post_init__(self) -> None:
        platform = self.world.platform
        self.reaper = Reaper(platform)
        self.exporter = Exporter(platform, patience_s=600.0)
        self.reconciler = Reconciler(platform, _engine(self))

    def counted(self, do: Callable[[], object]) -> tuple[float, Counter[str]]:
        """Milliseconds, and the calls that were made."""
        before = len(self.world.faults.calls)
        began = time.perf_counter()
        do()
        took = (time.perf_counter() - began) * 1000
        return took, Counter(self.world.faults.calls[before:])


class _Idle:
    """An engine whose runs are those releases."""

    asks = False

    def __init__(self, site: Site) -> None:
        self._site = site

    def release_id(self, endpoint: str, version: str) -> str:
        raise AssertionError

    def submit(self, endpoint: str, version: str, release_id: str) -> Run:
        raise AssertionError

    def newest(self, release_id: str) -> Run | None:
        return Run(release_id, release_id, "")

    def running(self) -> list[Run]:
        return [Run(_id(each), _id(each), "") for each in self._site.scenes]

    def alive(self, run: Run) -> bool:
        return True

    def stop(self, run: Run) -> None:
        raise AssertionError

    def result(self, run: Run) -> Result:
        return Result(0)


def _engine(site: Site) -> Engine:
    return _Idle(site)


def _id(found: Scene) -> str:
    return f"rel-{found.endpoint.name}-v2-1"


def site(endpoints: int, releases: int) -> Site:
    """So many endpoints with a version in production, and releases that are being watched."""
    world = World(proxies=("gateway-a", "gateway-b"))
    for _ in range(2):
        world.register(MODEL)
    stored = world.store_version(MODEL, "1")
    world.registry.set_alias(MODEL, names.CHAMPION, "1")
    scenes = []
    for number in range(endpoints):
        name = f"e{number:04d}"
        settings = endpoint_settings(name, model=MODEL, release=RELEASE)
        endpoint = world.apply(yaml.safe_dump(settings))
        world.serving.create(endpoint, stored)
        world.platform.traffic.set_weights(name, {"1": 100}, LIMITS)
        if number < releases:
            world.users(name, 50.0)
            scenes.append(Scene(world, endpoint))
    world.clock.sleep(60.0)
    for each in scenes:
        _begin(each)
    for _ in range(POLLS):
        world.clock.sleep(15.0)
        for each in scenes:
            with each.opened(_id(each)) as release:
                watching.poll(release)
    return Site(world, scenes)


def _begin(found: Scene) -> None:
    """Up to its first share."""
    from components.release import opening

    with found.opened(_id(found)) as release:
        opening.fetch(release, found.endpoint.name, "2")
        resuming.evaluate(release)
        resuming.deploy(release)
        resuming.shift(release, 1)


def asked(calls: Mapping[str, float]) -> dict[str, float]:
    """The requests for these calls, by whom they ask."""
    return {
        server: sum(calls.get(call, 0) * each for call, each in of.items())
        for server, of in REQUESTS.items()
    }


def main() -> None:
    """Print the figures."""
    began = time.perf_counter()
    large, small = site(*LARGE), site(*SMALL)
    print(f"{'both worlds made':<44} {time.perf_counter() - began:8.2f} s")
    passes: dict[str, Callable[[Site], object]] = {
        "reaper": lambda found: found.reaper.run(),
        "exporter": lambda found: found.exporter.page(),
        "reconcile": lambda found: found.reconciler.run(),
    }
    for name, do in passes.items():
        _show(name, do, large, small)
    _hour()
    _records(large)
    _series()


def _show(name: str, do: Callable[[Site], object], large: Site, small: Site) -> None:
    """A pass over both, the first one apart: it reads what the others know."""
    first, _ = large.counted(lambda: do(large))
    do(small)
    took: dict[str, list[float]] = {"large": [], "small": []}
    calls: Counter[str] = Counter()
    for _ in range(ROUNDS):
        for which, found in (("large", large), ("small", small)):
            spent, counted = found.counted(lambda found=found: do(found))  # type: ignore[misc]
            took[which].append(spent)
            if which == "large":
                calls += counted
    print(f"{f'{name}: the first pass over {LARGE[0]}, {LARGE[1]}':<44} {first:8.2f} ms")
    print(line(f"{name}: a pass over {LARGE[0]}, {LARGE[1]}", took["large"], "ms"))
    ratios = [one / other for one, other in zip(took["large"], took["small"], strict=True)]
    print(line(f"{name}: times a pass over {SMALL[0]}, {SMALL[1]}", ratios, "x"))
    for server, number in asked({call: n / ROUNDS for call, n in calls.items()}).items():
        if number:
            rate = number / EVERY_S[name] * (REAPERS if name == "reaper" else 1)
            print(f"{f'{name}: requests to {server} a pass':<44} {number:8.0f} {rate:8.1f} /s")


def _hour() -> None:
    """What one release asks for while it is watched for an hour, and what its record takes."""
    found = scene(50.0, proxies=("gateway-a", "gateway-b"), **RELEASE)
    found.world.behave("2", error_rate=0.0)
    found.world.registry.set_alias(MODEL, names.CANDIDATE, "2")
    _begin(found)
    record = Record(found.world.platform.records, _id(found), found.world.clock)
    before = len(record.content())
    with found.opened(_id(found)) as release:
        calls = len(found.world.faults.calls)
        at = found.world.clock.monotonic()
        resuming.watch(release, 1)
        hours = (found.world.clock.monotonic() - at) / 3600
        counted = Counter(found.world.faults.calls[calls:])
    polls = counted["metrics.sample"]
    for server, number in asked(counted).items():
        print(f"{f'a release: requests to {server} an hour':<44} {number / hours:8.0f}")
    grown = len(Record(found.world.platform.records, _id(found), found.world.clock).content())
    print(f"{'a release: polls an hour':<44} {polls / hours:8.0f}")
    print(f"{'a release: bytes of its record for a poll':<44} {(grown - before) / polls:8.0f}")
    print(f"{'a release: bytes of its record an hour':<44} {(grown - before) / hours:8.0f}")
    print(f"{'a release: bytes of its record before':<44} {before:8d}")


def _series() -> None:
    """What Prometheus keeps of one version at one proxy, and takes in for a large installation."""
    buckets = len(EDGES_US) + 1
    series = buckets + COUNTERS
    print(f"{'series of a version at one proxy':<44} {series:8d}")
    arms = LARGE[0] + LARGE[1]
    for proxies in (1, 2):
        what = f"series of {LARGE[0]}, {LARGE[1]}, {proxies} proxies"
        print(f"{what:<44} {series * arms * proxies:8d}")


def _records(large: Site) -> None:
    sizes = [
        float(len(Record(large.world.platform.records, _id(each), large.world.clock).content()))
        for each in large.scenes
    ]
    objects = sum(len(page) for page in obstore.list(large.world.store))
    print(line(f"bytes of a record after {POLLS} polls", sizes, "B"))
    print(f"{'objects in the store':<44} {objects:8d}")


if __name__ == "__main__":
    main()

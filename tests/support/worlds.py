"""A release on the memory platform: the pipeline's graph, without an engine."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import obstore
import yaml

from components.arms import baseline_of
from components.backtest.replay import replay
from components.endpoint import Endpoint
from components.errors import SluiceError
from components.evaluation import EvaluationResult
from components.evaluation.result import Scores, assess
from components.judge import Sample
from components.metrics import Alerting, Metered, Reading
from components.platform import Lease, Metrics, Mirror, RouteLimits, Traffic, Weights
from components.platform.memory import World
from components.platform.patience import PATIENCE_S
from components.record import Line, Noted, Record, WeightsSet, of
from components.registry import names
from components.release import ending, opening, resuming
from components.release.anchor import RECORD_FILE
from components.release.context import Release, opened
from components.release.reaper import Reaper
from components.release.results import Ended
from components.release.state import ReleaseState, fold
from tests.support.endpoints import endpoint, endpoint_settings
from tests.support.present import present

NAME, MODEL = "demo", "demo"
LIMITS = RouteLimits(requests_per_second=200, timeout_s=7.0)
PATIENT: dict[str, Any] = {
    "steps": [10, 50, 100],
    "watch": "10m",
    "poll": "15s",
    "lease": "2m",
}
QUICK: dict[str, Any] = {"steps": [10, 100], "watch": "60s", "poll": "15s", "lease": "60s"}
"""With `QUICK_RPS` users a whole release takes five polls."""
QUICK_RPS = 250.0


ROWS = 100


def scores(passed: bool = True, *, beside: bool = False) -> EvaluationResult:
    """An evaluation's result, good or bad; ``beside`` a champion that answers as well."""
    right = tuple(row < (0.9 if passed else 0.1) * ROWS for row in range(ROWS))
    scored = Scores(right=right, latencies_ms=(1.0,) * 50 + (2.0,) * 48 + (3.0,) * 2)
    return assess(
        endpoint(NAME).evaluation,
        ["any"] * ROWS,
        scored,
        scored if beside else None,
        dataset="file:///none.csv",
        dataset_digest="0" * 64,
    )


@dataclass(frozen=True)
class Recounted:
    """Metrics of which something else is read."""

    metrics: Metrics
    counted: Callable[[str, Sample], Sample | None]
    url: str = ""

    def sample(self, endpoint: str, versions: Sequence[str], max_age: float) -> Reading:
        """What ``counted`` makes of each source's counters."""
        read = self.metrics.sample(endpoint, versions, max_age)
        changed = {
            version: {
                source: found and self.counted(version, found) for source, found in sources.items()
            }
            for version, sources in read.versions.items()
        }
        return Reading(changed, read.unattributed)

    def alerts(self, names: Sequence[str], endpoint: str) -> Mapping[str, Alerting]:
        """See `components.platform.Metrics`."""
        return self.metrics.alerts(names, endpoint)

    def unfit(self) -> str:
        """See `components.platform.Metrics`."""
        return self.metrics.unfit()

    def usage(self, endpoint: str, versions: Sequence[str], start: float, end: float) -> Metered:
        """See `components.platform.Metrics`."""
        return self.metrics.usage(endpoint, versions, start, end)


@dataclass(frozen=True)
class Reasked:
    """Traffic of which splits are asked for in another way."""

    traffic: Traffic
    set_weights: Callable[..., None]
    reported: Weights | None = None

    def weights(self, endpoint: str) -> dict[str, int]:
        """See `components.platform.Traffic`."""
        return self.traffic.weights(endpoint) if self.reported is None else dict(self.reported)

    def unfit(self, endpoint: str) -> str:
        """See `components.platform.Traffic`."""
        return self.traffic.unfit(endpoint)

    def refuse_unsplittable(self, endpoint: str) -> dict[str, int]:
        """See `components.platform.Traffic`."""
        self.traffic.refuse_unsplittable(endpoint)
        return self.weights(endpoint)

    def set_mirror(self, endpoint: str, mirror: Mirror | None) -> None:
        """See `components.platform.Traffic`."""
        self.traffic.set_mirror(endpoint, mirror)

    def mirror(self, endpoint: str) -> Mirror | None:
        """See `components.platform.Traffic`."""
        return self.traffic.mirror(endpoint)

    def wait_in_force(self, endpoint: str, weights: Weights, timeout: float) -> float:
        """See `components.platform.Traffic`."""
        return self.traffic.wait_in_force(endpoint, weights, timeout)


@dataclass
class Scene:
    """A memory platform with one endpoint, whose version 1 is in production and is asked."""

    world: World
    endpoint: Endpoint
    passed: bool = True
    """What the evaluation finds."""
    score: Callable[..., EvaluationResult] | None = None
    """Evaluates instead, if given."""
    engine: str = "engine 1"
    """On whose behalf the steps act; another one takes over."""
    ids: list[str] = field(default_factory=list)
    errors: float = 0.0
    """Requests that had failed before the first release."""
    patience_s: float = PATIENCE_S
    """How long a step waits for who is away."""

    @contextmanager
    def opened(self, release_id: str) -> Iterator[Release]:
        """The release as a step of the engine sees it."""
        with opened(release_id, self.world.platform, self.patience_s) as release:
            yield replace(release, holder=self.engine, engine=True, score=self._score)

    def _score(
        self,
        endpoint: Endpoint,
        candidate: Path,
        champion: Path | None,
        read: Callable[[str, int], bytes],
    ) -> EvaluationResult:
        if self.score:
            return self.score(endpoint, candidate, champion, read)
        return scores(self.passed, beside=champion is not None)

    def record(self, release_id: str) -> list[Line]:
        """The release's lines."""
        return Record(self.world.platform.records, release_id, self.world.clock).lines()

    def state(self, release_id: str) -> ReleaseState:
        """Where the release stands."""
        return fold(self.record(release_id))

    @property
    def weights(self) -> dict[str, int]:
        """The endpoint's split."""
        return self.world.platform.traffic.weights(self.endpoint.name)

    @property
    def lease(self) -> Lease | None:
        """The endpoint's lease."""
        return self.world.leases.read(self.endpoint.name)

    @property
    def champion(self) -> str | None:
        """The version with that alias."""
        return self.world.registry.alias(MODEL, names.CHAMPION)

    def events(self, release_id: str) -> list[str]:
        """The names of what happened besides the plan."""
        return [noted.event for noted in of(self.record(release_id), Noted)]

    def walk(self, version: str, release_id: str = "", engine: str = "") -> Ended:
        """Release a version as the pipeline does, from its beginning or where it stands.

        `finalize` runs whatever happens, except that the engine is killed.
        """
        self.engine = engine or self.engine
        release_id = release_id or f"demo-v{version}-{len(self.ids)}"
        self.ids.append(release_id)
        try:
            self.steps(version, release_id)
        except SluiceError:
            self.finalize(release_id)
            raise
        return self.finalize(release_id)

    def finalize(self, release_id: str) -> Ended:
        """The exit handler of the engine."""
        with self.opened(release_id) as release:
            return ending.finalize(release)

    def steps(self, version: str, release_id: str) -> None:
        """The pipeline's graph up to the end that it finds itself (`pipelines/kfp/release.py`)."""
        stages = sum(step < 100 for step in self.endpoint.release.steps)
        self.steps_of(version, release_id, stages)

    def steps_of(self, version: str, release_id: str, stages: int) -> None:
        """The graph of an endpoint that has so many watched steps."""
        with self.opened(release_id) as release:
            opening.fetch(release, self.endpoint.name, version)
        with self.opened(release_id) as release:
            road = resuming.evaluate(release).strategy
        if road == "rejected":
            with self.opened(release_id) as release:
                ending.rollback(release)
            return
        with self.opened(release_id) as release:
            resuming.deploy(release)
        for stage in range(1, stages + 1 if road == "canary" else 1):
            with self.opened(release_id) as release:
                resuming.shift(release, stage)
            with self.opened(release_id) as release:
                verdict = resuming.watch(release, stage).verdict
            if verdict != "PROMOTE":
                with self.opened(release_id) as release:
                    ending.rollback(release)
                return
        with self.opened(release_id) as release:
            resuming.promote(release)

    def count_otherwise(self, counted: Callable[[str, Sample], Sample | None]) -> None:
        """Let what is read of each source be what ``counted`` makes of version and counters."""
        metrics = Recounted(self.world.platform.metrics, counted)
        self.world.platform = replace(self.world.platform, metrics=metrics)

    def serve(self, **serving: Any) -> None:
        """Write other settings of its predictors into the endpoint's file."""
        content = self.endpoint.model_dump(mode="json")
        content["serving"] |= serving
        self.endpoint = self.world.apply(json.dumps(content))

    def replace_traffic(self, set_weights: Callable[..., None]) -> None:
        """Let the gateway be asked for a split by another function."""
        traffic = Reasked(self.world.platform.traffic, set_weights)
        self.world.platform = replace(self.world.platform, traffic=traffic)

    def report_weights(self, weights: Weights) -> None:
        """Let the gateway say that this split was asked for."""
        real = self.world.platform.traffic
        traffic = Reasked(real, real.set_weights, weights)
        self.world.platform = replace(self.world.platform, traffic=traffic)

    def reap(self, for_s: float, every: float = 5.0) -> list[str]:
        """What a new reaper says that watches for so long."""
        reaper, said = Reaper(self.world.platform), []
        end = self.world.clock.monotonic() + for_s
        while self.world.clock.monotonic() < end:
            said += reaper.run()
            self.world.clock.sleep(every)
        return said

    def recover(self, for_s: float = 300.0) -> list[str]:
        """Everything answers again, and a reaper watches for so long; what it says."""
        self.world.faults.clear()
        self.world.delay_traffic(0.0)
        return self.reap(for_s, every=15.0)

    def failed(self) -> float:
        """Requests of users that failed since the scene began, whoever was to answer them."""
        versions = list(self.world.registry.models[MODEL].versions)
        arms = [*versions, *map(baseline_of, versions)]
        read = self.world.platform.metrics.sample(NAME, arms, math.inf)
        samples = [each for sources in read.versions.values() for each in sources.values()]
        lost = sum(each.errors for each in samples if each)
        return lost + sum(read.unattributed.values()) - self.errors

    def one_version(self, release_id: str) -> str | None:
        """The outcome of a release that is over, after which everything agrees on one version.

        Traffic at every proxy, alias, record, registry and lease are asked; the record's verdicts
        come out again as they were recorded. None: the release never began.
        """
        world, lines = self.world, self.record(release_id)
        assert self.lease is None
        assert release_id not in world.platform.records.pending()
        assert all(shown == self.weights for shown in world.proxies.shown(NAME).values())
        if not lines:
            assert release_id not in world.platform.records.releases()
            return None
        found = replay(lines).findings
        assert found == (), [each.text for each in found]
        state = fold(lines)
        production = state.candidate if state.outcome == "promoted" else state.champion
        split = {production: 100} if production else {}
        assert self.weights == split
        assert self.champion == production
        assert world.registry.alias(MODEL, names.CANDIDATE) is None
        assert [line.kind for line in lines].count("end") == 1
        if weights := of(lines, WeightsSet):
            assert weights[-1].weights == split
        served = world.serving.versions(NAME)
        assert set(served) == set(split)
        tags = world.registry.version(MODEL, state.candidate).tags
        assert tags[names.RELEASE_TAG] == release_id
        assert tags[names.OUTCOME_TAG] == state.outcome
        run = world.registry.runs[state.run_id]
        assert run.status == ("FAILED" if state.outcome == "error" else "FINISHED")
        content = Record(world.platform.records, release_id, world.clock).content()
        assert run.artifacts[RECORD_FILE] == content
        return present(state.outcome)


def begin(proxies: Sequence[str] = ("gateway",), price: str | None = None, **release: Any) -> Scene:
    """An endpoint that nobody serves yet; version 1 of its model waits."""
    world = World(proxies)
    serving = {"price": price} if price else {}
    settings = endpoint_settings(NAME, model=MODEL, serving=serving, release=PATIENT | release)
    text, endpoint = _applied(json.dumps(settings))
    obstore.put(world.store, f"endpoints/{NAME}.yaml", text.encode())
    world.register(MODEL)
    return Scene(world, endpoint)


@cache
def _applied(settings: str) -> tuple[str, Endpoint]:
    """An endpoint's file and what it says: hundreds of scenes have the same."""
    text = yaml.safe_dump(json.loads(settings))
    return text, World().apply(text)


def scene(
    per_second: float = 20.0,
    proxies: Sequence[str] = ("gateway",),
    since_s: float = 600.0,
    **release: Any,
) -> Scene:
    """Version 1 is in production, and was asked ``per_second`` times so far; version 2 waits."""
    found = begin(proxies, **release)
    world, platform = found.world, found.world.platform
    platform.serving.create(found.endpoint, world.store_version(MODEL, "1"))
    platform.traffic.set_weights(NAME, {"1": 100}, LIMITS)
    platform.registry.set_alias(MODEL, names.CHAMPION, "1")
    world.register(MODEL)
    world.users(NAME, per_second)
    world.clock.sleep(since_s)
    found.errors = found.failed()
    return found


def quick(proxies: Sequence[str] = ("gateway",), **release: Any) -> Scene:
    """A scene whose releases take a minute; no version fails unless it is told to."""
    found = scene(QUICK_RPS, proxies, since_s=60.0, **(QUICK | release))
    for version in ("1", "2", "3"):
        found.world.behave(version, error_rate=0.0)
    return found

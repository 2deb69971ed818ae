"""A release on the memory platform: the pipeline's graph, without an engine."""

from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from components.endpoint import Endpoint
from components.evaluation import EvaluationResult
from components.evaluation.result import LatencyResult
from components.platform.memory import World
from components.record import Line, Record
from components.release import deploying, ending, evaluating, opening, shifting, watching
from components.release.context import Release, opened
from components.release.reaper import Reaper
from components.release.results import Ended
from components.release.state import ReleaseState, fold
from tests.support.endpoints import endpoint_settings

NAME, MODEL = "demo", "demo"
SETTINGS: dict[str, Any] = {
    "release": {"steps": [10, 50, 100], "watch": "10m", "poll": "15s", "lease": "2m"},
}


def scores(passed: bool = True) -> EvaluationResult:
    """An evaluation's result, good or bad."""
    return EvaluationResult(
        passed=passed,
        reasons=() if passed else ("accuracy 0.1000 is below the baseline 0.5000",),
        dataset="file:///none.csv",
        dataset_digest="0" * 64,
        rows=100,
        accuracy=0.9 if passed else 0.1,
        accuracy_min=0.5,
        failures=0,
        latency=LatencyResult(requests=100, p50_ms=1.0, p95_ms=2.0, p99_ms=3.0),
        latency_max_p95_ms=200.0,
        concurrency=4,
        regression_alpha=0.05,
    )


@dataclass
class Scene:
    """A memory platform with one endpoint, whose version 1 is in production and is asked."""

    world: World
    endpoint: Endpoint
    passed: bool = True
    """What the evaluation finds."""
    engine: str = "engine 1"
    """On whose behalf the steps act; another one takes over."""
    ids: list[str] = field(default_factory=list)

    def opened(self, release_id: str) -> AbstractContextManager[Release]:
        """The release as a step of the engine sees it."""
        return self._opened(release_id)

    @contextmanager
    def _opened(self, release_id: str) -> Any:
        with opened(release_id, self.world.platform) as release:
            yield replace(release, holder=self.engine, engine=True, score=self._score)

    def _score(
        self,
        endpoint: Endpoint,
        candidate: Path,
        champion: Path | None,
        read: Callable[[str, int], bytes],
    ) -> EvaluationResult:
        return scores(self.passed)

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

    def walk(self, version: str, release_id: str = "") -> Ended:
        """Release a version as the pipeline does; `finalize` runs whatever happens."""
        release_id = release_id or f"demo-v{version}-{len(self.ids)}"
        self.ids.append(release_id)
        try:
            self.steps(version, release_id)
        finally:
            with self.opened(release_id) as release:
                ended = ending.finalize(release)
        return ended

    def steps(self, version: str, release_id: str) -> None:
        """The pipeline's graph up to the end that it finds itself (`pipelines/kfp/release.py`)."""
        with self.opened(release_id) as release:
            opening.fetch(release, self.endpoint.name, version)
        with self.opened(release_id) as release:
            road = evaluating.evaluate(release).strategy
        if road == "rejected":
            with self.opened(release_id) as release:
                ending.rollback(release)
            return
        with self.opened(release_id) as release:
            deploying.deploy(release)
        for stage in range(1, self._stages(road) + 1):
            with self.opened(release_id) as release:
                shifting.shift(release, stage)
            with self.opened(release_id) as release:
                verdict = watching.watch(release, stage).verdict
            if verdict != "PROMOTE":
                with self.opened(release_id) as release:
                    ending.rollback(release)
                return
        with self.opened(release_id) as release:
            ending.promote(release)

    def _stages(self, road: str) -> int:
        return sum(step < 100 for step in self.endpoint.release.steps) if road == "canary" else 0

    def reap(self, for_s: float, every: float = 5.0) -> list[str]:
        """What a reaper says that watches for so long."""
        reaper, said = Reaper(self.world.platform), []
        end = self.world.clock.monotonic() + for_s
        while self.world.clock.monotonic() < end:
            said += reaper.run()
            self.world.clock.sleep(every)
        return said


def scene(per_second: float = 20.0, **release: Any) -> Scene:
    """Version 1 is in production and asked ``per_second`` times; version 2 waits."""
    world = World()
    settings = endpoint_settings(NAME, model=MODEL, release=SETTINGS["release"] | release)
    found = Scene(world, world.apply(yaml.safe_dump(settings)))
    world.register(MODEL)
    found.walk("1")
    world.register(MODEL)
    world.users(NAME, per_second)
    world.clock.sleep(600)
    return found

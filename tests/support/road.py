"""An endpoint of a cluster, of a model of its own, that is released by an alias alone."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cluster.api import Api
from cluster.kinds import (
    CONFIG_MAP,
    DEPLOYMENT,
    HTTP_ROUTE,
    INFERENCE_SERVICE,
    LEASE,
    POD,
    SERVICE,
    WORKFLOW,
    Kind,
    Object,
)
from cluster.names import object_name, predictor_name
from cluster.teams import runs
from components.errors import InputError
from components.platform import Platform
from components.registry import names
from components.release import operating
from components.release.wanted import next_id
from tests.support import directly
from tests.support.copied import copied
from tests.support.present import present
from tests.support.releases import MODEL, Recorded, released_file
from tests.support.waiting import wait_until

LONGEST_S = 600.0
"""Of a release with its ten pods, on a node that does other things too."""
_SCALERS = (
    Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    Kind("keda.sh/v1alpha1", "ScaledObject", "scaledobjects"),
)
_OF_A_VERSION = (INFERENCE_SERVICE, DEPLOYMENT, POD, SERVICE, *_SCALERS)


@dataclass(frozen=True)
class Road:
    """The endpoint; the registry and the records say all that happens to it."""

    platform: Platform
    api: Api
    team: str
    endpoint: str
    file: Path

    @property
    def runs(self) -> str:
        """The namespace of its workflows."""
        return runs(self.team)

    def candidate(self, version: str) -> Recorded:
        """Set the alias; the release that is to follow."""
        begun = self.platform.records.releases()
        self.platform.registry.set_alias(self.endpoint, names.CANDIDATE, version)
        return Recorded(self.platform, next_id(begun, self.endpoint, version))

    @contextmanager
    def begun(
        self, version: str, watched: int = 1, environment: Mapping[str, str] = {}
    ) -> Iterator[Recorded]:
        """The release of a version that no engine runs, but a process of its own.

        Args:
            version: to be released.
            watched: how many steps the endpoint's file has below 100%.
            environment: variables of the process, beside or instead of this one's.
        """
        name = next_id(self.platform.records.releases(), self.endpoint, version)
        process = directly.begin(self.endpoint, version, name, watched, environment)
        try:
            yield Recorded(self.platform, name)
        finally:
            process.kill()
            process.join()

    def ended(self, release: Recorded) -> str:
        """Its outcome, once all of it is over, and nothing of who lost is left."""
        outcome = self.over(release)
        assert self.platform.registry.alias(self.endpoint, names.CANDIDATE) is None
        state, split = release.state(), self.platform.traffic.weights(self.endpoint)
        for loser in {state.candidate, state.champion or state.candidate} - {*split}:
            wait_until(partial(self._is_gone, loser), 120, f"the end of version {loser}")
        return outcome

    def over(self, release: Recorded) -> str:
        """Its outcome, once all of it is over; another version's may have begun by then."""
        wait_until(lambda: release.exists() and bool(release.state().outcome), LONGEST_S, "its end")
        pending = self.platform.records.pending
        wait_until(lambda: release.release_id not in pending(), 120, "its last word")
        wait_until(lambda: not self._holds(release), 30, "its lease back")
        return present(release.state().outcome)

    def left(self, version: str) -> list[str]:
        """What there is of a version's own."""
        name = predictor_name(self.endpoint, version)
        return [
            f"{kind.plural}/{each['metadata']['name']}"
            for kind in _OF_A_VERSION
            for each in self.api.list(kind, self.team)
            if each["metadata"]["name"].startswith(name)
        ]

    def _is_gone(self, version: str) -> bool:
        return self.left(version) == []

    def roll_back(self, release: Recorded, reason: str) -> None:
        """End it as an operator does."""
        with suppress(InputError):  # its own run has ended it by the operator's word
            operating.roll_back(self.platform, self.endpoint, reason, release.release_id)

    def _holds(self, release: Recorded) -> bool:
        lease = self.platform.leases.read(self.endpoint)
        return lease is not None and lease.release_id == release.release_id

    def workflow(self, release: Recorded) -> Object:
        """Its workflow."""
        return present(self.api.get(WORKFLOW, self.runs, release.release_id))

    def watches(self, release: Recorded) -> None:
        """Wait until the step that watches has seen users on the candidate."""

        def polled() -> bool:
            return bool(self.pods(release, "watch")) and bool(release.state().weights)

        wait_until(lambda: release.exists() and polled(), LONGEST_S, "a watch")
        seen = len(release.state().polls)
        wait_until(lambda: len(release.state().polls) > seen, 60, "a poll of the watch")

    def pods(self, release: Recorded, step: str) -> list[Object]:
        """The pods of one of its steps, oldest first."""
        label = {"workflows.argoproj.io/workflow": release.release_id}
        found = [
            each
            for each in self.api.list(POD, self.runs, label)
            if f"-{step}-" in each["metadata"]["name"]
        ]
        return sorted(found, key=lambda each: str(each["metadata"]["creationTimestamp"]))

    def nodes(self, release: Recorded, step: str) -> list[Object]:
        """What Argo has of the pods of one of its steps, oldest first."""
        nodes = (self.workflow(release).get("status") or {}).get("nodes") or {}
        found = [
            each
            for each in nodes.values()
            if each["type"] == "Pod" and each.get("templateName") == step
        ]
        return sorted(found, key=lambda each: str(each.get("startedAt")))

    def remove(self) -> None:
        """Leave nothing of it; a release that is under way still stops."""
        traffic, name = self.platform.traffic, object_name(self.endpoint)
        self.api.delete(LEASE, self.team, name)
        traffic.set_weights(self.endpoint, {})
        traffic.wait_in_force(self.endpoint, {}, timeout=30)
        for version in self.platform.serving.versions(self.endpoint):
            self.platform.serving.delete(self.endpoint, version)
        self.api.delete(HTTP_ROUTE, self.team, name)  # of one that a test keeps, the rest stays
        self.api.delete(CONFIG_MAP, self.team, object_name(f"endpoint-{self.endpoint}"))


def road(
    platform: Platform,
    api: Api,
    team: str,
    folder: Path,
    *,
    versions: Sequence[str] = ("1", "2"),
    serving: Mapping[str, Any] = {},
    **release: Any,
) -> Road:
    """An endpoint of the example model that the platform knows, and nobody has released yet.

    Its versions 1, 2... are ``versions`` of the example model; ``serving`` is its file's, beside
    or instead of a small predictor's.
    """
    small = {"resources": {"cpu": "150m", "memory": "1Gi"}}
    return road_with(
        platform,
        api,
        team,
        folder,
        versions=versions,
        serving=small | dict(serving),
        release=release,
    )


class Place(NamedTuple):
    """Where an endpoint is made."""

    platform: Platform
    api: Api
    team: str
    factory: pytest.TempPathFactory


@contextmanager
def released(
    platform: Platform,
    api: Api,
    team: str,
    factory: pytest.TempPathFactory,
    what: str,
    *,
    versions: Sequence[str] = ("1", "2"),
    by_alias: bool = False,
    **release: Any,
) -> Iterator[Road]:
    """A `road` of a new name that begins with ``what``, whose version 1 was released.

    That was by a process of its own, or ``by_alias`` as the installation does it. Nothing of the
    road is left after the block.
    """
    folder = factory.getbasetemp() / f"{what}-{uuid.uuid4().hex[:6]}"
    folder.mkdir()
    made = road(platform, api, team, folder, versions=versions, **release)
    try:
        begun = nullcontext(made.candidate("1")) if by_alias else made.begun("1", watched=0)
        with begun as first:
            assert made.ended(first) == "promoted", first.state().reason
        yield made
    finally:
        made.remove()


def road_with(
    platform: Platform,
    api: Api,
    team: str,
    folder: Path,
    *,
    versions: Sequence[str],
    serving: Mapping[str, Any],
    release: Mapping[str, Any],
    **settings: Any,
) -> Road:
    """The same, with predictors and settings of one's own; the endpoint's name is the folder's."""
    import yaml

    name = folder.name
    file = released_file(folder, name, **{"lease": "60s", **release})
    content = yaml.safe_load(file.read_text())
    content["model"] = name
    content["serving"] = {
        "runtime": "text-classifier",
        "execution": {"executors": 1, "threads": 1, "batching": "alone"},
        **serving,
    }
    content |= settings
    file.write_text(yaml.safe_dump(content))
    copied(platform.registry.url, MODEL, name, versions)
    platform.endpoints.apply(file.read_text(), str(file))
    return Road(platform, api, team, name, file)

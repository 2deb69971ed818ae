"""Endpoints of a cluster in mid-canary, with users of their own, for parts to be struck."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess

from cluster.api import Api
from cluster.manifests import ENVOY_PROXY
from cluster.proxies import owned_by
from cluster.settings import Gateway, read
from components.load.sender import Outcome
from components.record import Covered, Line, Noted, WeightsSet, of
from components.release.state import ReleaseState
from components.release.wanted import next_id
from tests.support import directly
from tests.support.killing import is_ready, pods
from tests.support.present import present
from tests.support.releases import Recorded
from tests.support.road import LONGEST_S, Road
from tests.support.waiting import wait_until


@dataclass
class Scene:
    """One endpoint whose version 1 is in production, its users, and the release of version 2."""

    road: Road
    asked: list[Outcome] = field(default_factory=list)
    process: BaseProcess | None = None
    release: Recorded | None = None

    def begin(self, version: str) -> None:
        """Release a version without an engine."""
        platform = self.road.platform
        name = next_id(platform.records.releases(), self.road.endpoint, version)
        self.release = Recorded(platform, name)
        self.process = directly.begin(self.road.endpoint, version, name, watched=1)

    @property
    def state(self) -> ReleaseState:
        """Where the release stands."""
        return present(self.release).state()

    def watched(self) -> None:
        """Wait until users are on the candidate, and are counted."""
        release = present(self.release)

        def polled() -> bool:
            if not release.exists():
                return False
            state = release.state()
            return any(poll.weights.get(state.candidate) for poll in state.polls)

        wait_until(polled, LONGEST_S, "a poll of the watch")

    def polled_again(self) -> None:
        """Wait for another poll of the release, or its end."""
        polls = len(self.state.polls)

        def polled() -> bool:
            state = self.state
            return bool(state.outcome) or len(state.polls) > polls

        wait_until(polled, 60, "another poll")

    def reaped(self) -> list[str]:
        """What its record has of reapers."""
        noted = of(present(self.release).lines(), Noted)
        return [each.detail for each in noted if each.event == "reaped"]

    def lost(self) -> list[Outcome]:
        """The requests that failed."""
        return [each for each in self.asked if each.status != 200]


def under_way(request: Outcome, begin: float, end: float) -> bool:
    """Whether a request was due or unanswered at some time between two (epoch seconds)."""
    return request.due <= end and request.due + request.ms / 1000 >= begin


def lent_at(lines: Sequence[Line], version: str) -> float:
    """When the other one's answers for the version were in force, by the record."""
    begun = next(
        number
        for number, line in enumerate(lines)
        if isinstance(line.body, Covered) and line.body.arm == version
    )
    return next(line.at for line in lines[begun:] if isinstance(line.body, WeightsSet))


def scale_proxies(api: Api, to: Gateway, count: int) -> int:
    """Let the Gateway have so many proxies, and wait until they are ready; how many it had."""
    spec = present(api.get(ENVOY_PROXY, to.namespace, to.name))["spec"]
    before = int(spec["provider"]["kubernetes"]["envoyDeployment"]["replicas"])
    patch = {"spec": {"provider": {"kubernetes": {"envoyDeployment": {"replicas": count}}}}}
    api.merge(ENVOY_PROXY, to.namespace, to.name, patch)

    def ready() -> bool:
        found = pods(api, to.proxies, owned_by(to))
        return len(found) == count and all(map(is_ready, found))

    wait_until(ready, 120, f"{count} proxies")
    return before


@contextmanager
def proxies_of(api: Api, count: int) -> Iterator[Gateway]:
    """The Gateway with so many proxies that are ready; afterwards as it was."""
    to = read(api).gateway
    before = scale_proxies(api, to, count)
    try:
        yield to
    finally:
        scale_proxies(api, to, before)

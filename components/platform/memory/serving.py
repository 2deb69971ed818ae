"""Predictors that get ready, or do not, as a test says (`components.platform.Serving`)."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from components.endpoint import Endpoint
from components.errors import PlatformError
from components.platform.contract import Room, StoredVersion
from components.platform.memory.clock import ManualClock
from components.platform.memory.proxies import Proxies, Route
from components.platform.refusals import larger_than_memory, refuse_mirrored
from components.platform.running import Readiness, Running, Span
from components.platform.spans import ObjectSpans
from components.platform.waiting import wait_for

DRAIN_S = 60.0
"""How long `delete` waits for every proxy to send nobody there any more."""


LOST = Readiness("starting", "it was ready, now it answers 404")
"""Of a predictor whose process runs on without its model."""
GONE = Readiness("starting", "its pod has gone, another one starts")
"""Of one whose users the gateway can send nowhere."""


@dataclass(frozen=True)
class Start:
    """How predictors of a version start."""

    after_s: float = 0.0
    """Seconds until they are ready, or have failed."""
    fails: str = ""
    """Why they fail; empty: they get ready."""


@dataclass
class Predictor:
    """The predictors of one arm, which get ready together."""

    endpoint: Endpoint
    stored: StoredVersion
    readiness: Readiness = field(default_factory=lambda: Readiness("starting", "it has just begun"))
    floor: int = 1
    """There are to be so many at least."""
    demand: int = 0
    """What an autoscaler wants."""
    up: int = 1
    """How many there are."""
    lost: bool = False
    """Nobody scales it any more."""

    @property
    def wanted(self) -> int:
        """How many there are to be."""
        if self.lost:
            return self.up
        most = max(self.floor, self.endpoint.serving.scaling.max)
        return min(most, max(self.floor, self.demand))


class MemoryServing:
    """Predictors without a process.

    Args:
        clock: by which they start.
        proxies: who sends users there.
        settle: called before a predictor begins or ceases to answer.
        spans: where it is written when they were there.
    """

    def __init__(
        self,
        clock: ManualClock,
        proxies: Proxies,
        settle: Callable[[], None],
        spans: ObjectSpans,
    ) -> None:
        self.starts: dict[str, Start] = {}
        """By arm; what is not named is ready at once."""
        self.has_room = Room(False, "a memory platform has room where a test says so")
        self.stay: set[str] = set()
        """Arms whose predictors do not go, though they were told to."""
        self.said: dict[str, Running] = {}
        """By arm: what is told of its predictor besides its readiness."""
        self._clock = clock
        self._proxies = proxies
        self._settle = settle
        self._spans = spans
        self._predictors: dict[tuple[str, str], Predictor] = {}

    def create(
        self,
        endpoint: Endpoint,
        stored: StoredVersion,
        name: str = "",
        patience: float | None = None,
    ) -> None:
        """Start a predictor, or keep the one that is there.

        Not one that failed, that was ready and is not any more, or that has other files.

        Raises:
            PlatformError: users are served other files under the same name.
        """
        key = (endpoint.name, name or stored.version)
        old = self._predictors.get(key)
        whole = old and old.readiness.state != "failed" and old.readiness != LOST
        price = endpoint.serving.price or ""
        if old and old.stored == stored and whole:
            old.endpoint = endpoint
            self._spans.begin(key, price, self._clock.time())
            return
        if old and old.stored.identity != stored.identity and self._share(*key):
            raise PlatformError(f"{key[0]} version {key[1]} serves users from other files")
        self._settle()
        least = max(1, endpoint.serving.scaling.min)
        new = self._predictors[key] = Predictor(endpoint, stored, floor=least, up=least)
        self._spans.begin(key, price, self._clock.time())
        start = self.starts.get(key[1], Start())

        def started() -> None:
            if new.readiness.state == "starting":
                self._settle()
                new.readiness = Readiness("failed" if start.fails else "ready", start.fails)

        if start.after_s:
            self._clock.after(start.after_s, started)
        else:
            started()

    def room(self, endpoint: Endpoint) -> Room:
        """What `has_room` says."""
        return self.has_room

    def unfit(self, endpoint: Endpoint, stored: StoredVersion, name: str = "") -> str:
        """Why no predictor of these files can run."""
        return larger_than_memory(endpoint, stored)

    def stored(self, endpoint: str, version: str) -> StoredVersion | None:
        """What the predictor was created from."""
        found = self._predictors.get((endpoint, version))
        return found.stored if found else None

    def readiness(self, endpoint: str, version: str) -> Readiness:
        """Whether the predictor can answer, and if not, why not."""
        found = self._predictors.get((endpoint, version))
        return found.readiness if found else Readiness("absent", "it was not created")

    def running(self, endpoint: str) -> list[Running]:
        """Each predictor that is there now."""
        return [
            replace(self.said.get(arm, Running(arm, True)), ready=found.readiness.state == "ready")
            for (name, arm), found in self._predictors.items()
            if name == endpoint
        ]

    def delete(self, endpoint: str, version: str, patience: float | None = None) -> None:
        """Stop the predictor when no proxy sends anybody there any more."""
        if (endpoint, version) not in self._predictors:
            return
        if share := self._share(endpoint, version):
            raise PlatformError(
                f"{endpoint} version {version} still gets {share}% of the traffic:"
                " move the traffic before deleting it"
            )
        refuse_mirrored(endpoint, version, (self._proxies.route(endpoint) or Route()).mirror)
        wait_for(
            lambda: (
                version not in self.stay
                and not (
                    any(shown.get(version) for shown in self._proxies.shown(endpoint).values())
                    or self._proxies.mirrors(endpoint, version)
                )
            ),
            timeout=DRAIN_S if patience is None else min(patience, DRAIN_S),
            every=0.05,
            late=lambda: f"{endpoint} version {version} is being deleted and does not go",
            clock=self._clock,
        )
        self._settle()
        del self._predictors[endpoint, version]
        self._spans.end((endpoint, version), self._clock.time())

    def note(self) -> None:
        """Write down which predictors are there."""
        present = [
            (key, found.endpoint.serving.price or "") for key, found in self._predictors.items()
        ]
        replicas = {key: found.up for key, found in self._predictors.items()}
        self._spans.note(present, self._clock.time(), replicas)

    def spans(self, endpoint: str = "") -> list[Span]:
        """When predictors were there, oldest first."""
        return self._spans.read(self._predictors, endpoint)

    def _share(self, endpoint: str, version: str) -> int:
        return self._proxies.asked(endpoint).get(version, 0)

    def versions(self, endpoint: str) -> list[str]:
        """The arms that have a predictor now, ready or not."""
        return [version for name, version in self._predictors if name == endpoint]

    def url(self, endpoint: str, version: str) -> str:
        """An address that names the predictor; nobody listens there."""
        self.predictor(endpoint, version)
        return f"memory://{endpoint}/{version}"

    def predictor(self, endpoint: str, version: str) -> Predictor:
        """The predictor itself.

        Raises:
            PlatformError: the version has none.
        """
        if (endpoint, version) not in self._predictors:
            raise PlatformError(f"{endpoint} version {version} is not served: release it first")
        return self._predictors[endpoint, version]

    def predictors(self) -> list[Predictor]:
        """All that there are."""
        return list(self._predictors.values())

    def lose_model(self, endpoint: str, version: str) -> None:
        """Let the predictor run on without its model, until it is created again."""
        self._settle()
        self.predictor(endpoint, version).readiness = LOST

    def crash(self, endpoint: str, version: str, why: str) -> None:
        """Let the predictor fail now; it answers nobody until it is created again."""
        self._settle()
        self.predictor(endpoint, version).readiness = Readiness("failed", why)

    def lose(self, endpoint: str, version: str) -> None:
        """Let somebody delete the predictor under its users."""
        self._settle()
        del self._predictors[endpoint, version]

    def is_gone(self, endpoint: str, arm: str) -> bool:
        """Whether the gateway has nobody to send the arm's users to."""
        found = self._predictors.get((endpoint, arm))
        return found is not None and found.readiness == GONE

    def evict(self, endpoint: str, version: str, for_s: float) -> None:
        """Let the predictor go; another one is ready after so many seconds."""
        self._settle()
        found = self.predictor(endpoint, version)
        found.readiness = GONE

        def back() -> None:
            if found.readiness == GONE:
                self._settle()
                found.readiness = Readiness("ready")

        self._clock.after(for_s, back)

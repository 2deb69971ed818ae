"""An autoscaler that wants what a test says (`components.platform.Scaling`)."""

from collections.abc import Callable, Iterator, Mapping
from math import ceil, inf

from components.endpoint import Endpoint
from components.errors import PlatformError
from components.platform.memory.clock import ManualClock
from components.platform.memory.serving import MemoryServing, Predictor
from components.platform.scaling import Replicas

EVERY_S = 15.0
"""Between two looks of an autoscaler, as Kubernetes has it."""


class MemoryScaling:
    """How many predictors each arm has.

    Args:
        clock: by which they start.
        serving: the arms.
        settle: called before their number changes.
    """

    def __init__(
        self, clock: ManualClock, serving: MemoryServing, settle: Callable[[], None]
    ) -> None:
        self.starts_s = 0.0
        """Seconds until one more is ready."""
        self.room = inf
        """So many predictors have room, of all arms together."""
        self.why = ""
        """What is said of those that have none."""
        self.refuses = False
        """Those that have none are refused, and do not wait for any."""
        self._coming = 0
        self._clock = clock
        self._serving = serving
        self._settle = settle

    def by(self, endpoint: str, asked: Callable[[str], float], each: float) -> None:
        """Let there be, from now on, one predictor for so many requests a second of an arm.

        Args:
            endpoint: whose arms.
            asked: what an arm is asked a second.
            each: what one predictor takes.
        """

        def look() -> None:
            for arm in self._serving.versions(endpoint):
                self.want(endpoint, arm, ceil(asked(arm) / each))
            self._clock.after(EVERY_S, look)

        look()

    def want(self, endpoint: str, arm: str, count: int) -> None:
        """Let the autoscaler want so many of an arm, within its file's bounds and its floor."""
        self._serving.predictor(endpoint, arm).demand = count
        self._follow()

    def count(self, endpoint: str, arm: str) -> int:
        """How many of an arm share its requests."""
        try:
            return max(1, self._serving.predictor(endpoint, arm).up)
        except PlatformError:
            return 1

    def replicas(self, endpoint: str) -> dict[str, Replicas]:
        """What each arm has now."""
        self._follow()
        return {
            arm: self._told(self._serving.predictor(endpoint, arm))
            for arm in self._serving.versions(endpoint)
        }

    def _told(self, found: Predictor) -> Replicas:
        ready = found.up if found.readiness.state == "ready" else 0
        wanted = found.wanted
        if found.lost:
            return Replicas(ready, wanted, wanted, wanted, lost=True)
        most = found.endpoint.serving.scaling.max
        why = self.why if ready < wanted else ""
        refused = self.refuses and found.up < wanted
        return Replicas(ready, wanted, found.floor, most, why, begun=not refused, refused=refused)

    def hold(self, endpoint: str, floors: Mapping[str, int]) -> None:
        """Let no arm that is named want fewer predictors than this; a higher floor stays."""
        for arm in {*floors} & {*self._serving.versions(endpoint)}:
            found = self._serving.predictor(endpoint, arm)
            found.floor = max(found.floor, floors[arm])
        self._follow()

    def lose(self, endpoint: str, arm: str) -> None:
        """Let somebody delete an arm's autoscaler."""
        self._serving.predictor(endpoint, arm).lost = True

    def restore(self, endpoint: Endpoint, arm: str, floor: int) -> None:
        """Make an arm's autoscaler anew that is lost, held at ``floor``."""
        if arm in self._serving.versions(endpoint.name):
            found = self._serving.predictor(endpoint.name, arm)
            if found.lost:
                found.endpoint, found.lost, found.floor = endpoint, False, floor
        self._follow()

    def let_go(self, endpoint: str) -> None:
        """Leave every arm of the endpoint to its file."""
        for arm in self._serving.versions(endpoint):
            found = self._serving.predictor(endpoint, arm)
            found.floor = found.endpoint.serving.scaling.min
        self._follow()

    def _follow(self) -> None:
        """Let fewer be there at once, and more where there is room, once they have started."""
        for found in self._serving.predictors():
            if found.wanted < found.up:
                self._settle()
                found.up = found.wanted
        for found in list(self._more())[self._coming :]:
            if self.starts_s:
                self._coming += 1
                self._clock.after(self.starts_s, self._start)
            else:
                self._settle()
                found.up += 1

    def _start(self) -> None:
        self._coming -= 1
        found = next(self._more(), None)
        if found is not None:
            self._settle()
            found.up += 1

    def _more(self) -> Iterator[Predictor]:
        """An arm for each predictor that is wanted and has room."""
        free = self.room - sum(found.up for found in self._serving.predictors())
        for found in self._serving.predictors():
            for _ in range(found.wanted - found.up):
                if free >= 1:
                    free -= 1
                    yield found

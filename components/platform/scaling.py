"""How many predictors each arm has, and the least that it keeps while a release needs them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from components.endpoint import Endpoint
from components.platform.running import Running


@dataclass(frozen=True)
class Replicas:
    """The predictors of one arm (`components.arms`)."""

    ready: int
    """Those that answer."""
    wanted: int
    """As many as the autoscaler, or the file, wants now; 0: the arm sleeps until it is asked."""
    floor: int
    """It never wants fewer."""
    most: int
    """It never wants more, but for a higher floor."""
    why: str = ""
    """What keeps the missing ones, in the platform's own words; empty: nothing is known."""
    begun: bool = True
    """All that are wanted have been made, ready or not."""
    refused: bool = False
    """The platform refuses to make the missing ones, as `why` says: no waiting mends that."""
    lost: bool = False
    """Somebody has deleted its autoscaler: their number stays, until `Scaling.restore`."""


class Scaling(Protocol):
    """The autoscaler of an endpoint's arms.

    A floor stands at the platform, not in a process: it outlives whoever asked for it, and is taken
    away by `let_go` alone.
    """

    def replicas(self, endpoint: str) -> dict[str, Replicas]:
        """What each arm has now. A request or two: it is asked at every poll.

        Raises:
            Unreachable: nobody knows.
        """

    def hold(self, endpoint: str, floors: Mapping[str, int]) -> None:
        """Let no arm that is named want fewer predictors than this; a higher floor stays.

        It is asked for, not waited for. An arm that is gone, or whose number is fixed, stays as it
        is.

        Raises:
            PlatformError: the platform refuses.
        """

    def restore(self, endpoint: Endpoint, arm: str, floor: int) -> None:
        """Make an arm's autoscaler anew that is lost, held at ``floor``.

        An arm that is gone, or whose number is fixed, stays as it is.

        Raises:
            PlatformError: the platform refuses.
        """

    def let_go(self, endpoint: str) -> None:
        """Leave every arm of the endpoint to its file: take all floors of `hold` away.

        An arm whose file lets it sleep may do so from now on, and not before. May be repeated.

        Raises:
            PlatformError: the platform refuses.
        """


@dataclass(frozen=True)
class FixedScaling:
    """Where nobody scales: each predictor that is there is wanted, and no other.

    Args:
        running: the predictors of an endpoint.
    """

    running: Callable[[str], Sequence[Running]]

    def replicas(self, endpoint: str) -> dict[str, Replicas]:
        """What is there."""
        there: dict[str, list[bool]] = {}
        for each in self.running(endpoint):
            there.setdefault(each.arm, []).append(each.ready)
        return {
            arm: Replicas(sum(ready), len(ready), len(ready), len(ready))
            for arm, ready in there.items()
        }

    def hold(self, endpoint: str, floors: Mapping[str, int]) -> None:
        """The number is fixed."""

    def restore(self, endpoint: Endpoint, arm: str, floor: int) -> None:
        """Nothing is lost."""

    def let_go(self, endpoint: str) -> None:
        """Nothing was held."""

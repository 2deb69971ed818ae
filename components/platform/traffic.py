"""How an endpoint's requests are divided between its versions, and copied to one of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

Weights = Mapping[str, int]
"""Traffic share in percent by the arms present (`components.arms`: mostly versions); the values sum
to 100. An arm may be present with 0: no user reaches it, but its counters stand."""


ANSWER_MARGIN_S = 2.0
"""How much longer than the predictor's own deadline its answer is waited for."""
AT_ONCE = 512
"""What the gateway has under way at a version, at least, before it refuses by itself."""


@dataclass(frozen=True)
class RouteLimits:
    """What the gateway holds each client of an endpoint to, and itself with each version."""

    requests_per_second: int
    timeout_s: float
    at_once: int = AT_ONCE
    """Requests that each proxy has under way at each version; as many more wait for it. What is
    beyond is answered 503 at once and has failed, at the version that was to answer it: it is told
    as overflow, since the version never saw it."""


@dataclass(frozen=True)
class Mirror:
    """Who is asked copies of an endpoint's requests, and of how many."""

    version: str
    percent: int
    """Of the users' inference requests, 1 to 100."""


class Traffic(Protocol):
    """The split of an endpoint's requests between versions."""

    def unfit(self, endpoint: str) -> str:
        """Why no split of the endpoint can come into force, in one line with the mend.

        Certain: empty where it may.

        Raises:
            PlatformError: nobody can say.
        """

    def refuse_unsplittable(self, endpoint: str) -> dict[str, int]:
        """Check that a split would hold, before anything is done for one and while one is watched.

        Returns:
            The split last asked for, as `weights` has it.

        Raises:
            PlatformError: the gateway keeps a user with the version that answered once, so that
                whoever has met a candidate stays with it, whatever its share; or what is to be
                written is somebody else's.
            InputError: somebody has changed the route into what no split can be told by.
        """

    def set_weights(
        self, endpoint: str, weights: Weights, limits: RouteLimits | None = None
    ) -> None:
        """Ask for the split, and for no mirror; an empty mapping removes the route.

        All of the requests can be given to one version whatever somebody has made of the route.

        Args:
            endpoint: whose requests.
            weights: the split.
            limits: of a route that is new or changed; None keeps what the route has.

        Raises:
            PlatformError: the weights are no split, a version with a share has no predictor, a new
                route has no limits, the gateway cannot hold clients to these, or the split is one
                that would not hold.
        """

    def weights(self, endpoint: str) -> dict[str, int]:
        """The split last asked for; empty when the endpoint has no route.

        Of a route that somebody has changed: what is left of it.
        """

    def set_mirror(self, endpoint: str, mirror: Mirror | None) -> None:
        """Ask for copies of the users' requests to go to a version besides; None: to nobody.

        The split stays as it is. Nobody gets the answers to copies, nobody waits for them, and what
        the version cannot take is not copied. They are counted by an arm of their own
        (`components.arms.shadow_of`), and a version that is asked one can tell it by a header
        (`components.gateway.SHADOW_HEADER`).

        Raises:
            PlatformError: the endpoint has no route, or the version has no predictor, or a share of
                the traffic.
        """

    def mirror(self, endpoint: str) -> Mirror | None:
        """The mirror last asked for; None when there is none."""

    def wait_in_force(self, endpoint: str, weights: Weights, timeout: float) -> float:
        """Block until every proxy shows the split and no other is on its way; the seconds it took.

        The mirror last asked for, or none, is then in force as well.

        Raises:
            Late: it did not show within ``timeout`` seconds.
            PlatformError: it was refused.
        """

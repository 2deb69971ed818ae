"""The split of an endpoint's requests by Envoy's routes (`components.platform.Traffic`)."""

import time
from dataclasses import dataclass, replace

from components.errors import PlatformError
from components.platform import Mirror, RouteLimits, Weights, wait_for
from components.platform.refusals import refuse_impossible_mirror, refuse_impossible_split
from local import predictors
from local.gateway import admin, discovery, routes
from local.gateway.access import Route
from local.home import Home


@dataclass(frozen=True)
class EnvoyTraffic:
    """Weights in a file that Envoy watches; what is in force is asked of Envoy itself."""

    home: Home

    def unfit(self, endpoint: str) -> str:
        """Nothing: the endpoints of a machine have names of their own."""
        return ""

    def refuse_unsplittable(self, endpoint: str) -> dict[str, int]:
        """Nothing of this machine's routes is anybody else's: every split holds."""
        return self.weights(endpoint)

    def set_weights(
        self, endpoint: str, weights: Weights, limits: RouteLimits | None = None
    ) -> None:
        """Ask for the split, and for no mirror; an empty mapping removes the route.

        Raises:
            PlatformError: the weights are no split, a version with a share has no predictor, a new
                route has no limits, or the gateway refuses it: what stood before stays in force.
        """
        if weights:
            self._refuse_impossible(endpoint, weights)
            discovery.set_route(self.home, self._route(endpoint, weights, limits))
        else:
            discovery.remove_route(self.home, endpoint)
        self._publish(endpoint)

    def _publish(self, endpoint: str) -> None:
        if endpoint in discovery.publish(self.home):
            raise PlatformError(
                f"the gateway refuses the route of {endpoint}: what stood before is in force: see"
                " logs/gateway.log"
            )

    def set_mirror(self, endpoint: str, mirror: Mirror | None) -> None:
        """Ask for copies of the users' requests to go to a version besides; None: to nobody.

        Raises:
            PlatformError: the endpoint has no route, the version no predictor or a share, or the
                gateway refuses it: what stood before stays in force.
        """
        present = discovery.route(self.home, endpoint)
        weights = present.weights if present else {}
        refuse_impossible_mirror(endpoint, mirror, weights, self._served(endpoint))
        if present:
            discovery.set_route(self.home, replace(present, mirror=mirror))
            self._publish(endpoint)

    def mirror(self, endpoint: str) -> Mirror | None:
        """The mirror last asked for; None when there is none."""
        asked = discovery.route(self.home, endpoint)
        return asked.mirror if asked else None

    def _refuse_impossible(self, endpoint: str, weights: Weights) -> None:
        refuse_impossible_split(endpoint, weights, self._served(endpoint))

    def _served(self, endpoint: str) -> set[str]:
        return {b.version for b in predictors.backends(self.home) if b.endpoint == endpoint}

    def _route(self, endpoint: str, weights: Weights, limits: RouteLimits | None) -> Route:
        if limits is None and (present := discovery.route(self.home, endpoint)):
            return replace(present, weights=dict(weights), mirror=None)
        if limits is None:
            raise PlatformError(
                f"{endpoint} has no route whose limits could be kept: a new route needs limits"
            )
        return Route(
            endpoint,
            dict(weights),
            limits.requests_per_second,
            limits.timeout_s,
            at_once=limits.at_once,
        )

    def weights(self, endpoint: str) -> dict[str, int]:
        """The split last asked for; empty when the endpoint has no route."""
        asked = discovery.route(self.home, endpoint)
        return dict(asked.weights) if asked else {}

    def wait_in_force(self, endpoint: str, weights: Weights, timeout: float) -> float:
        """Block until Envoy's own dump of its routes shows the split; return the seconds it took.

        A version with 0% gets no request whether Envoy lists it or not.

        Raises:
            Unreachable: Envoy does not answer.
            Late: the split does not show within ``timeout`` seconds.
        """
        wanted, mirror = _shares(weights), self.mirror(endpoint)
        shown: dict[str, int] = {}
        copies: Mirror | None = None
        began = time.monotonic()

        def in_force() -> float | None:
            nonlocal shown, copies
            dumped = admin.dump_routes(self.home)
            shown = _shares(routes.split_in(dumped, endpoint))
            copies = routes.mirror_in(dumped, endpoint)
            return time.monotonic() - began if (shown, copies) == (wanted, mirror) else None

        def late() -> str:
            return (
                f"the gateway shows {_said(shown, copies)} for {endpoint} instead of "
                f"{_said(wanted, mirror)} after {timeout:.1f} s: see logs/gateway.log"
            )

        return wait_for(in_force, timeout, 0.005, late)


def _said(shares: Weights, mirror: Mirror | None) -> str:
    copies = f", {mirror.percent}% copied to {mirror.version}" if mirror else ""
    return f"{dict(shares) or 'no route'}{copies}"


def _shares(weights: Weights) -> dict[str, int]:
    return {version: weight for version, weight in weights.items() if weight}

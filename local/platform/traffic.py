"""The split of an endpoint's requests by Envoy's routes (`components.platform.Traffic`)."""

import time
from dataclasses import dataclass

from components.errors import PlatformError
from components.platform import RouteLimits, Weights, wait_for
from components.platform.refusals import refuse_impossible_split
from local import predictors
from local.gateway import admin, discovery, routes
from local.gateway.access import Route
from local.home import Home


@dataclass(frozen=True)
class EnvoyTraffic:
    """Weights in a file that Envoy watches; what is in force is asked of Envoy itself."""

    home: Home

    def set_weights(
        self, endpoint: str, weights: Weights, limits: RouteLimits | None = None
    ) -> None:
        """Ask for the split; an empty mapping removes the route.

        Raises:
            PlatformError: the weights are no split, a version with a share has no predictor, a new
                route has no limits, or the gateway refuses it: what stood before stays in force.
        """
        if weights:
            self._refuse_impossible(endpoint, weights)
            discovery.set_route(self.home, self._route(endpoint, weights, limits))
        else:
            discovery.remove_route(self.home, endpoint)
        if endpoint in discovery.publish(self.home):
            raise PlatformError(
                f"the gateway refuses the route of {endpoint}: what stood before is in force: see"
                " logs/gateway.log"
            )

    def _refuse_impossible(self, endpoint: str, weights: Weights) -> None:
        served = {b.version for b in predictors.backends(self.home) if b.endpoint == endpoint}
        refuse_impossible_split(endpoint, weights, served)

    def _route(self, endpoint: str, weights: Weights, limits: RouteLimits | None) -> Route:
        if limits is not None:
            per_second, timeout_s = limits.requests_per_second, limits.timeout_s
        elif present := discovery.route(self.home, endpoint):
            per_second, timeout_s = present.requests_per_second, present.timeout_s
        else:
            raise PlatformError(
                f"{endpoint} has no route whose limits could be kept: a new route needs limits"
            )
        return Route(endpoint, dict(weights), per_second, timeout_s)

    def weights(self, endpoint: str) -> dict[str, int]:
        """The split last asked for; empty when the endpoint has no route."""
        asked = discovery.route(self.home, endpoint)
        return dict(asked.weights) if asked else {}

    def wait_in_force(self, endpoint: str, weights: Weights, timeout: float) -> float:
        """Block until Envoy's own dump of its routes shows the split; return the seconds it took.

        A version with 0% gets no request whether Envoy lists it or not.

        Raises:
            Unreachable: Envoy does not answer.
            PlatformError: the split does not show within ``timeout`` seconds.
        """
        wanted = _shares(weights)
        shown: dict[str, int] = {}
        began = time.monotonic()

        def in_force() -> float | None:
            nonlocal shown
            shown = _shares(routes.split_in(admin.dump_routes(self.home), endpoint))
            return time.monotonic() - began if shown == wanted else None

        def late() -> str:
            return (
                f"the gateway shows {shown or 'no route'} for {endpoint} instead of "
                f"{wanted or 'no route'} after {timeout:.1f} s: see logs/gateway.log"
            )

        return wait_for(in_force, timeout, 0.005, late)


def _shares(weights: Weights) -> dict[str, int]:
    return {version: weight for version, weight in weights.items() if weight}

"""The split of an endpoint's requests by Envoy's routes (`components.platform.Traffic`)."""

import time
from dataclasses import dataclass

from components.endpoint import Endpoint
from components.errors import PlatformError
from components.platform import Weights
from local import envoy, gateway, routes
from local.home import Home
from local.routes import Route

ANSWER_MARGIN_S = 2.0
"""How much longer than the predictor's own deadline the gateway waits."""


@dataclass(frozen=True)
class EnvoyTraffic:
    """Weights in a file that Envoy watches; what is in force is asked of Envoy itself."""

    home: Home

    def set_weights(self, endpoint: Endpoint, weights: Weights) -> None:
        """Ask for the split; an empty mapping removes the route.

        Raises:
            PlatformError: the weights are no split, or a version has no predictor.
        """
        if weights and (sum(weights.values()) != 100 or min(weights.values()) < 0):
            raise PlatformError(f"weights {dict(weights)} do not sum to 100")
        served = {b.version for b in gateway.backends(self.home) if b.endpoint == endpoint.name}
        unknown = [
            version for version, weight in weights.items() if weight and version not in served
        ]
        if unknown:
            raise PlatformError(
                f"{endpoint.name} version {', '.join(sorted(unknown))} is not served: "
                "create its predictor before it gets traffic"
            )
        asked = Route(
            endpoint=endpoint.name,
            weights={version: weight for version, weight in weights.items() if weight},
            requests_per_second=endpoint.gateway.requests_per_second,
            timeout_s=endpoint.serving.queue.deadline + ANSWER_MARGIN_S,
        )
        gateway.set_route(self.home, asked)
        gateway.publish(self.home)

    def weights(self, endpoint: Endpoint) -> dict[str, int]:
        """The split last asked for; empty when the endpoint has no route."""
        asked = gateway.route(self.home, endpoint.name)
        return dict(asked.weights) if asked else {}

    def wait_applied(self, endpoint: Endpoint, weights: Weights, timeout: float) -> float:
        """Block until Envoy's own dump of its routes shows the split; return the seconds it took.

        Raises:
            Unreachable: Envoy does not answer.
            PlatformError: the split does not show within ``timeout`` seconds.
        """
        wanted = {version: weight for version, weight in weights.items() if weight}
        began = time.monotonic()
        while True:
            shown = routes.split_in(envoy.dump_routes(self.home), endpoint.name)
            waited = time.monotonic() - began
            if shown == wanted:
                return waited
            if waited > timeout:
                raise PlatformError(
                    f"the gateway shows {shown or 'no route'} for {endpoint.name} instead of "
                    f"{wanted or 'no route'} after {timeout:.1f} s: see logs/gateway.log"
                )
            time.sleep(0.005)

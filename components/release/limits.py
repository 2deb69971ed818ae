"""What the gateway holds an endpoint's route to, from the endpoint's file."""

from components.endpoint import Endpoint, Serving
from components.platform import ANSWER_MARGIN_S, AT_ONCE, RouteLimits
from components.platform.refusals import MOST_AT_ONCE


def limits_of(endpoint: Endpoint) -> RouteLimits:
    """What an endpoint's route is held to."""
    return RouteLimits(
        requests_per_second=endpoint.gateway.requests_per_second,
        timeout_s=endpoint.serving.queue.deadline + ANSWER_MARGIN_S,
        at_once=_at_once(endpoint.serving),
    )


def _at_once(serving: Serving) -> int:
    """What a version's predictors hold, and as much again: they are to refuse, not the gateway."""
    held = 2 * serving.queue.requests * serving.scaling.max
    return min(max(AT_ONCE, held), MOST_AT_ONCE)

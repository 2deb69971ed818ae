"""What a route holds its clients to, and its versions, as an object: pure functions."""

from cluster.kinds import BACKEND_TRAFFIC_POLICY, HTTP_ROUTE, Object
from cluster.names import ENDPOINT, annotation, label_value, labels, object_name
from cluster.routes import Route
from components import gateway
from components.platform import RouteLimits

_RETRIES = 5
"""Where no pod of a version is ready, or few of many, Envoy asks all of them: those that end, which
answer, and those that start, which take no connection. The next choice may be one of these, too."""


def limits_object(route: Route) -> Object:
    """What holds each client to the endpoint's rate, and the gateway to what a version takes."""
    whose = {ENDPOINT: label_value(route.endpoint)}
    return BACKEND_TRAFFIC_POLICY.object(
        {
            "name": object_name(route.endpoint),
            "labels": labels("limits", endpoint=route.endpoint),
            "annotations": {annotation("endpoint"): route.endpoint},
        },
        spec={
            "targetSelectors": [
                {
                    "group": "gateway.networking.k8s.io",
                    "kind": HTTP_ROUTE.name,
                    # Its pins, too.
                    "matchLabels": whose,
                }
            ],
            **limits(route.limits),
            "retry": {"numRetries": _RETRIES, "retryOn": {"triggers": [gateway.RETRY_ON]}},
        },
    )


def limits(held: RouteLimits) -> Object:
    """Of a BackendTrafficPolicy: what each client may ask, and what a version takes."""
    return {
        "rateLimit": {
            "local": {
                "rules": [
                    {
                        "clientSelectors": [
                            {"headers": [{"name": gateway.CLIENT_HEADER, "type": "Distinct"}]}
                        ],
                        "limit": {
                            "requests": held.requests_per_second,
                            "unit": "Second",
                        },
                    }
                ]
            }
        },
        "circuitBreaker": {
            "maxConnections": held.at_once,
            "maxPendingRequests": held.at_once,
            "maxParallelRequests": 2 * held.at_once,
        },
        "requestBuffer": {"limit": str(gateway.MAX_BODY_BYTES)},
        "timeout": {
            "tcp": {"connectTimeout": "1s"},
            "http": {"connectionIdleTimeout": gateway.UPSTREAM_IDLE},
        },
    }

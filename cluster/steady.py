"""A route that nobody asks, which keeps a listener as it is: pure functions.

Envoy Gateway gives a listener those filters that some route of it needs, and configures that of the
keys with the keys of the first such route, though each route brings its own. A listener that
changes is made anew: it drains every user's connection, and its access log counts from zero. So
there is always a first route, which needs every filter that endpoints' routes do, and whose keys
never change.
"""

from cluster.attachment import parents
from cluster.kinds import (
    BACKEND_TRAFFIC_POLICY,
    HTTP_ROUTE,
    HTTP_ROUTE_FILTER,
    SECRET,
    SECURITY_POLICY,
    Object,
)
from cluster.limits import limits
from cluster.names import labels
from cluster.pins import answers, key_auth, only_for
from cluster.settings import Gateway
from components.platform import RouteLimits

NAME = "sluice-steady"
_PATH = "/" + "-" * 1000
"""Of two whole paths the longer is first: longer than any that an endpoint's route has."""


def objects(to: Gateway) -> list[Object]:
    """The route, with an object of each kind that an endpoint's has, beside the Gateway."""
    metadata = {"name": NAME, "namespace": to.namespace, "labels": labels("steady")}
    group = HTTP_ROUTE.version.partition("/")[0]
    target = {"targetRefs": [{"group": group, "kind": HTTP_ROUTE.name, "name": NAME}]}
    rule = {
        "matches": [{"path": {"type": "Exact", "value": _PATH}}],
        "filters": [answers(NAME)],
    }
    response = {"statusCode": 404}
    return [
        # No key at all opens it.
        SECRET.object(metadata, type="Opaque"),
        HTTP_ROUTE_FILTER.object(metadata, spec={"directResponse": response}),
        HTTP_ROUTE.object(metadata, spec={"parentRefs": parents(to), "rules": [rule]}),
        SECURITY_POLICY.object(metadata, spec=target | key_auth(NAME) | only_for([])),
        BACKEND_TRAFFIC_POLICY.object(metadata, spec=target | limits(RouteLimits(1, 1.0))),
    ]

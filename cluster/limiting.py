"""Holding the clients of an endpoint's route to its limits."""

import logging

from cluster import accepted, ownership
from cluster.api import Api
from cluster.kinds import BACKEND_TRAFFIC_POLICY
from cluster.limits import limits_object
from cluster.names import object_name
from cluster.routes import Route
from cluster.settings import Gateway
from components.errors import PlatformError

log = logging.getLogger("sluice.traffic")


def hold(api: Api, namespace: str, to: Gateway, route: Route, *, goes_back: bool) -> None:
    """Write the limits of a route; a split that ``goes_back`` is not kept by what that meets.

    Raises:
        PlatformError: the policy of that name is somebody else's, or the API server or the gateway
            refuses it.
    """
    try:
        _hold(api, namespace, to, route)
    except PlatformError as error:
        if not goes_back:
            raise
        log.warning("%s: its limits stay as they are: %s", route.endpoint, error)


def _hold(api: Api, namespace: str, to: Gateway, route: Route) -> None:
    name = object_name(route.endpoint)
    ownership.refuse_all(api, namespace, [(BACKEND_TRAFFIC_POLICY, name)])
    found = api.apply(BACKEND_TRAFFIC_POLICY, namespace, limits_object(route))
    if why := accepted.refused(found, to):
        raise PlatformError(
            f"{route.endpoint}: the gateway does not go by BackendTrafficPolicy {name}: {why}"
        )

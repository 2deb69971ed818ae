"""What the proxies of a Gateway show of an endpoint's route, and waiting until it is in force."""

import time
from collections.abc import Collection
from dataclasses import dataclass

from cluster import accepted, attachment, rivals, routes
from cluster.api import Api
from cluster.kinds import HTTP_ROUTE, Object
from cluster.names import object_name
from cluster.proxies import KeyUnknown, Proxies
from cluster.settings import Gateway
from cluster.slots import percent
from components.errors import PlatformError
from components.platform import Weights, wait_for

_EVERY_S = 0.02


@dataclass(frozen=True)
class Shown:
    """What a Gateway's proxies show of the routes of one namespace.

    Args:
        api: the API server.
        namespace: the team's.
        gateway: whose routes they are.
        proxies: its Envoys.
    """

    api: Api
    namespace: str
    gateway: Gateway
    proxies: Proxies

    def wait(self, endpoint: str, weights: Weights, timeout: float) -> float:
        """See `cluster.traffic.RoutedTraffic.wait_in_force`."""
        wanted, began, shown = _shares(weights), time.monotonic(), "nothing is known yet"

        def in_force() -> float | None:
            nonlocal shown
            found = self.api.get(HTTP_ROUTE, self.namespace, object_name(endpoint))
            route = routes.ours(endpoint, found)
            asked = _shares(percent(route.slots)) if route else {}
            if asked != wanted:
                shown = f"{asked or 'no route'} was asked for"
                return None
            if found and (refused := accepted.refused(found, self.gateway)):
                raise PlatformError(f"{endpoint}: the gateway refuses the route: {refused}")
            try:
                writes = self._writes(endpoint, found)
            except PlatformError as error:
                shown = str(error)
                return None
            shown = f"the proxies show write {_listed(writes)} instead of {route and route.write}"
            return time.monotonic() - began if writes == {route and route.write} else None

        def late() -> str:
            said = f"{wanted or 'no route'} is not in force after {timeout:.1f} s: {shown}"
            others = rivals.beside(self.api, self.namespace, endpoint, self.gateway)
            return f"{endpoint}: {said}{others}"

        return wait_for(in_force, timeout, _EVERY_S, late)

    def _writes(self, endpoint: str, found: Object | None) -> set[int | None]:
        """Which writes of its route ``found`` the proxies show; None among them: none."""
        host = attachment.host(found)
        try:
            return self.proxies.writes(endpoint, host)
        except KeyUnknown:
            # Where ours has gone another team's may answer: it knows the keys of its own team.
            if found or not rivals.find(self.api, self.namespace, endpoint, self.gateway)[0]:
                raise
            return self.proxies.writes(endpoint, host, passed=True)


def _shares(weights: Weights) -> dict[str, int]:
    return {version: weight for version, weight in weights.items() if weight}


def _listed(writes: Collection[int | None]) -> str:
    return ", ".join(sorted("none" if each is None else str(each) for each in writes))

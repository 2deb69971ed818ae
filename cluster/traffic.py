"""The split of an endpoint's requests by a route of its own (`components.platform.Traffic`)."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from cluster import attachment, in_force, known, limiting, marks, ownership, pins, rivals, routes
from cluster.api import Api, Conflict, Invalid, Missing
from cluster.kinds import HTTP_ROUTE, Object
from cluster.names import is_ours, object_name
from cluster.proxies import Proxies
from cluster.routes import Route
from cluster.settings import Gateway
from cluster.slots import Waking, fill, percent
from components.errors import PlatformError, SluiceError
from components.platform import Lease, Mirror, RouteLimits, Weights
from components.platform.refusals import (
    refuse_impossible_limits,
    refuse_impossible_mirror,
    refuse_impossible_split,
)

log = logging.getLogger("sluice.traffic")

_TRIES = 30
"""The gateway's controller writes the route's status, and each time it is of another version."""
_ENTERS_S = 30.0
"""How long a version's place in a route is waited for before it gets its share: the gateway's
controller may be starting again..."""
_RETURNS_S = 5.0
"""...and how long on the way back, for which more speaks than against it."""


def _all_awake(_endpoint: str) -> Mapping[str, Waking]:
    return {}


@dataclass(frozen=True)
class RoutedTraffic:
    """The routes of one namespace.

    Args:
        api: the API server.
        namespace: the team's.
        gateway: whose routes they are.
        proxies: its Envoys.
        served: the arms of an endpoint that have predictors.
        lease: who changes an endpoint's traffic, for people to see.
        waking: the ways to those of them that may sleep.
        enters: seconds that a version's place is waited for before it gets its share.
    """

    api: Api
    namespace: str
    gateway: Gateway
    proxies: Proxies
    served: Callable[[str], Collection[str]]
    lease: Callable[[str], Lease | None]
    waking: Callable[[str], Mapping[str, Waking]] = _all_awake
    enters: float = _ENTERS_S

    def set_weights(
        self, endpoint: str, weights: Weights, limits: RouteLimits | None = None
    ) -> None:
        """Ask for the split, and for no mirror; an empty mapping removes the route.

        Raises:
            PlatformError: the weights are no split, a version with a share has no predictor, a new
                route has no limits, or the API server or the gateway refuses it.
        """
        if not weights:
            ownership.remove_route(self.api, self.namespace, endpoint)
            return
        served = self.served(endpoint)
        refuse_impossible_split(endpoint, weights, served)
        listed = {arm: share for arm, share in weights.items() if arm in served}
        try:
            self._write(endpoint, listed, limits, served)
        except Invalid as error:
            raise PlatformError(f"{endpoint}: the route is refused: {error}") from error

    def unfit(self, endpoint: str) -> str:
        """Which other team's route has the endpoint's paths at its host, with the mend.

        Raises:
            PlatformError: the account may not list the routes of all namespaces.
        """
        found = rivals.find(self.api, self.namespace, endpoint, self.gateway)
        return rivals.unfit(endpoint, *found)

    def refuse_unsplittable(self, endpoint: str) -> dict[str, int]:
        """Check that a split would hold; the one last asked for.

        Raises:
            PlatformError: the route keeps users with the version that answered once, or it, or
                what else an endpoint needs, is somebody else's.
            InputError: somebody has changed what we wrote into the route.
        """
        found = self._found(endpoint)
        self._refuse_unsplittable(endpoint, found)
        return self._split(endpoint, found)

    def _refuse_unsplittable(self, endpoint: str, found: Object | None) -> None:
        if found is None or not routes.is_written(found):
            ownership.refuse_route_and_limits(self.api, self.namespace, endpoint, found)
        else:
            routes.read(found)
        if found is not None:
            routes.refuse_sticky(endpoint, found)

    def set_mirror(self, endpoint: str, mirror: Mirror | None) -> None:
        """Ask for copies of the users' requests to go to a version besides; None: to nobody.

        Raises:
            PlatformError: the endpoint has no route, the version no predictor or a share, or the
                API server or the gateway refuses it.
        """
        found = self._found(endpoint)
        if mirror is not None:
            self._refuse_unsplittable(endpoint, found)
        present = routes.ours(endpoint, found)
        weights = percent(present.slots) if present else {}
        refuse_impossible_mirror(endpoint, mirror, weights, self.served(endpoint))
        if present is None or not present.slots:
            return
        try:
            if present.mirror != mirror:
                self._swap(endpoint, weights, None, present.write, mirror)
        except Invalid as error:
            raise PlatformError(f"{endpoint}: the mirror is refused: {error}") from error
        if mirror is None:
            return
        try:
            self._hear_of(mirror.version, found, present, self.served(endpoint))
        except SluiceError as error:
            log.warning("%s: copies may be lost for a while: %s", endpoint, error)

    def mirror(self, endpoint: str) -> Mirror | None:
        """The mirror last asked for; None when there is none."""
        route = routes.ours(endpoint, self._found(endpoint))
        return route.mirror if route else None

    def _write(
        self, endpoint: str, weights: Weights, limits: RouteLimits | None, served: Collection[str]
    ) -> None:
        found = self._found(endpoint)
        before, hosts = routes.ours(endpoint, found), attachment.hosts(found)
        # The way back is written whatever somebody has done to the route; a split is not.
        was_there = before is not None or self._is_pinned(endpoint)
        goes_back = was_there and sum(share > 0 for share in weights.values()) == 1
        if not goes_back:
            self._refuse_unsplittable(endpoint, found)
        held = limits or (routes.UNKNOWN if goes_back and before is None else None)
        route = self._next(endpoint, before, weights, held)
        # Limits that change keep the proxies from every new place for a while: those of what is new
        # come before it, those of what is known after what is new in it.
        hold = partial(limiting.hold, self.api, self.namespace, self.gateway, goes_back=goes_back)
        if limits is not None and before is None:
            hold(route)
        # Nobody may pin while versions are compared: closed before, opened after.
        write, pinning = before.write if before else 0, pins.may(weights)
        if pinning == pins.CLOSED:
            self._pin(route, hosts, served)
        if before is not None and before.slots:
            enters = min(self.enters, _RETURNS_S) if goes_back else self.enters
            write = self._enter(found, before, route, served, enters)
        if limits is not None and before is not None:
            hold(route)
        self._swap(endpoint, weights, held, write)
        if before is None and not goes_back:
            host = attachment.host(self._found(endpoint))
            known.wait_begun(self.proxies, endpoint, host, self.lease)
        if pinning == pins.OPEN:
            self._pin(route, hosts, served)

    def _enter(
        self,
        found: Object | None,
        before: Route,
        wanted: Route,
        served: Collection[str],
        enters: float,
    ) -> int:
        """Give versions that are new in the route their places, before any of them has a share.

        A proxy may hear of a share before it knows the pods that are to have it: users get 500.

        Returns:
            The number of the newest write then.
        """
        endpoint, present, weights = wanted.endpoint, percent(before.slots), percent(wanted.slots)
        new = [arm for arm, share in weights.items() if share and arm not in present]
        if not new:
            return before.write
        entered = {**present, **dict.fromkeys(new, 0)}
        self._swap(endpoint, entered, wanted.limits, before.write)
        try:
            self.wait_in_force(endpoint, entered, known.longest(self.lease, endpoint, enters))
            if len(fill(before.slots, entered)) > len(before.slots):
                self._hear_of(new[0], found, wanted, served)
        except SluiceError as error:  # the way back must not wait for a proxy that is away
            log.warning("%s: %s gets its share all the same: %s", endpoint, ", ".join(new), error)
        return before.write + 1

    def _hear_of(
        self, arm: str, found: Object | None, route: Route, served: Collection[str]
    ) -> None:
        """Wait until the proxies know the pods of an arm that was written into a route just now.

        Raises:
            PlatformError: they do not in time, or there is no proxy.
        """
        pin = partial(self._pin, route, attachment.hosts(found), served)
        host = attachment.host(found)
        known.wait_entered(self.proxies, route.endpoint, arm, host, self.lease, pin=pin)

    def _next(
        self, endpoint: str, before: Route | None, weights: Weights, limits: RouteLimits | None
    ) -> Route:
        held = limits or (before.limits if before else None)
        if held is None:
            raise PlatformError(
                f"{endpoint} has no route whose limits could be kept: a new route needs limits"
            )
        refuse_impossible_limits(endpoint, held)
        slots = fill(before.slots if before else (), weights, self.waking(endpoint))
        return routes.follows(before, Route(endpoint, slots, held))

    def _swap(
        self,
        endpoint: str,
        weights: Weights,
        limits: RouteLimits | None,
        after: int,
        mirror: Mirror | None = None,
    ) -> None:
        """Write the route by compare-and-swap with what it is now.

        Args:
            endpoint: whose.
            weights: the split.
            limits: see `set_weights`.
            after: the number of the write that this one follows; 0: there is none yet. Whoever else
                has written since knows better: it may be the reaper.
            mirror: who is asked copies.
        """
        shown = self._marks(endpoint, weights)
        for _ in range(_TRIES):
            found = self._found(endpoint)
            present = routes.ours(endpoint, found)
            if (present.write if present else 0) != after:
                raise PlatformError(
                    f"the traffic of {endpoint} was moved by somebody else just now: see what"
                    " 'sluice status' says, and try again"
                )
            route = replace(self._next(endpoint, present, weights, limits), mirror=mirror)
            with suppress(Conflict, Missing):
                if found is None:
                    made = routes.route_object(route, self.gateway, shown)
                    self.api.create(HTTP_ROUTE, self.namespace, made)
                else:
                    patch = routes.route_patch(route, shown, found, self.gateway)
                    self.api.merge(HTTP_ROUTE, self.namespace, found["metadata"]["name"], patch)
                return
        raise PlatformError(f"the route of {endpoint} is changed by somebody else all the time")

    def _is_pinned(self, endpoint: str) -> bool:
        """Whether the endpoint has pins of ours: so it had a route, whatever is left of that."""
        found = self.api.get(HTTP_ROUTE, self.namespace, pins.name(endpoint))
        return found is not None and is_ours(found)

    def _marks(self, endpoint: str, weights: Weights) -> dict[str, str | None]:
        try:
            return marks.marks(weights, self.lease(endpoint))
        except SluiceError as error:  # what people see may be wrong for a while
            log.warning("the marks of %s: %s", endpoint, error)
            return {}

    def mark(self, endpoint: str) -> None:
        """Show people who holds the endpoint now; nothing else depends on it."""
        try:
            if weights := self.weights(endpoint):
                patch = {"metadata": {"labels": self._marks(endpoint, weights)}}
                self.api.merge(HTTP_ROUTE, self.namespace, object_name(endpoint), patch)
        except SluiceError as error:
            log.warning("the marks of %s: %s", endpoint, error)

    def pin(self, endpoint: str, served: Collection[str]) -> None:
        """Let the versions that are served now be named, and no other."""
        found = self._found(endpoint)
        if (route := routes.ours(endpoint, found)) is not None:
            self._pin(route, attachment.hosts(found), served)

    def _pin(
        self, route: Route, hosts: Sequence[str], served: Collection[str], enters: str = ""
    ) -> None:
        wanted = pins.pins_object(
            route.endpoint,
            sorted(served),
            route.limits,
            pins.may(percent(route.slots)),
            self.gateway,
            hosts=hosts,
            waking=self.waking(route.endpoint),
            enters=enters,
        )
        self.api.apply(HTTP_ROUTE, self.namespace, wanted)

    def _found(self, endpoint: str) -> Object | None:
        return self.api.get(HTTP_ROUTE, self.namespace, object_name(endpoint))

    def weights(self, endpoint: str) -> dict[str, int]:
        """The split last asked for; empty when the endpoint has no route."""
        return self._split(endpoint, self._found(endpoint))

    def _split(self, endpoint: str, found: Object | None) -> dict[str, int]:
        route = routes.ours(endpoint, found)
        return percent(route.slots) if route else {}

    def wait_in_force(self, endpoint: str, weights: Weights, timeout: float) -> float:
        """Block until fresh connections to every proxy show the newest write, and it is the split.

        Raises:
            Unreachable: the API server does not answer.
            Late: the split does not show within ``timeout`` seconds.
            PlatformError: the gateway refuses the route.
        """
        shown = in_force.Shown(self.api, self.namespace, self.gateway, self.proxies)
        return shown.wait(endpoint, weights, timeout)

"""Proxies that take a split some time after it was asked for (`components.platform.Traffic`)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from components.errors import InputError, PlatformError
from components.platform.memory.clock import ManualClock
from components.platform.refusals import refuse_impossible_mirror, refuse_impossible_split
from components.platform.traffic import Mirror, RouteLimits, Weights
from components.platform.waiting import wait_for

POLL_S = 0.01


@dataclass(frozen=True)
class Route:
    """A split, and what each client is held to."""

    weights: dict[str, int] = field(default_factory=dict)
    limits: RouteLimits | None = None
    mirror: Mirror | None = None
    number: int = 0
    """Rises with each split that is asked for."""


class Proxies:
    """What was asked for, and what each proxy does.

    Args:
        clock: by which a proxy takes a split.
        names: of the proxies.
        settle: called before a proxy changes.
    """

    def __init__(
        self, clock: ManualClock, names: Sequence[str], settle: Callable[[], None]
    ) -> None:
        self.names = tuple(names)
        self.delay_s = dict.fromkeys(names, 0.0)
        """Seconds until each proxy does what was asked for; infinite: it never does."""
        self.sticky: set[str] = set()
        """Endpoints whose users stay with the version that answered once."""
        self.changed: set[str] = set()
        """Endpoints whose route somebody has changed since it was written."""
        self.unfit: dict[str, str] = {}
        """Why no split of these endpoints can come into force."""
        self._clock = clock
        self._settle = settle
        self._asked: dict[str, Route] = {}
        self._taken: dict[tuple[str, str], Route] = {}
        self._number = 0
        self._newest: dict[str, int] = {}

    def route(self, endpoint: str) -> Route | None:
        """The route last asked for."""
        return self._asked.get(endpoint)

    def asked(self, endpoint: str) -> dict[str, int]:
        """The split last asked for; empty when there is no route."""
        return dict(self._asked.get(endpoint, Route()).weights)

    def shown(self, endpoint: str) -> dict[str, dict[str, int]]:
        """The split in force, by proxy; empty where a proxy has no route."""
        return {proxy: self.taken(proxy, endpoint).weights for proxy in self.names}

    def taken(self, proxy: str, endpoint: str) -> Route:
        """The route in force at a proxy; one of no versions when there is none."""
        return self._taken.get((proxy, endpoint), Route())

    def awaited(self, endpoint: str) -> bool:
        """Whether a proxy is still to take the split last asked for."""
        newest = self._newest.get(endpoint, 0)
        return any(self.taken(proxy, endpoint).number < newest for proxy in self.names)

    def mirrors(self, endpoint: str, version: str) -> bool:
        """Whether a proxy, or what was asked for, copies requests to the version."""
        routes = [self._asked.get(endpoint, Route())]
        routes += [self.taken(proxy, endpoint) for proxy in self.names]
        return any(route.mirror and route.mirror.version == version for route in routes)

    def ask(
        self,
        endpoint: str,
        weights: Weights,
        limits: RouteLimits | None,
        mirror: Mirror | None = None,
    ) -> None:
        """Ask for a split; each proxy takes it when its delay is over."""
        self._number += 1
        self._newest[endpoint] = self._number
        route = Route(dict(weights), limits, mirror, self._number)
        if weights:
            self._asked[endpoint] = route
        else:
            self._asked.pop(endpoint, None)
        for proxy, delay in self.delay_s.items():
            if not delay:
                self._take(proxy, endpoint, route)
            elif delay < float("inf"):
                self._clock.after(delay, partial(self._take, proxy, endpoint, route))

    def _take(self, proxy: str, endpoint: str, route: Route) -> None:
        if self.taken(proxy, endpoint).number < route.number:
            self._settle()
            self._taken[proxy, endpoint] = route


class MemoryTraffic:
    """The split of an endpoint's requests at every proxy.

    Args:
        clock: by which is waited.
        proxies: who split.
        served: the versions of an endpoint that have a predictor.
    """

    def __init__(
        self, clock: ManualClock, proxies: Proxies, served: Callable[[str], Sequence[str]]
    ) -> None:
        self._clock = clock
        self._proxies = proxies
        self._served = served

    def unfit(self, endpoint: str) -> str:
        """Why no split of the endpoint can come into force; empty where it may."""
        return self._proxies.unfit.get(endpoint, "")

    def refuse_unsplittable(self, endpoint: str) -> dict[str, int]:
        """Refuse where users stay with the version that answered once, or a route was changed."""
        if endpoint in self._proxies.sticky:
            raise PlatformError(f"{endpoint}: its users stay with the version that answered once")
        if endpoint in self._proxies.changed:
            raise InputError(f"{endpoint}: somebody has changed its route: take that back")
        return self.weights(endpoint)

    def set_weights(
        self, endpoint: str, weights: Weights, limits: RouteLimits | None = None
    ) -> None:
        """Ask for the split, and for no mirror; an empty mapping removes the route."""
        if weights:
            refuse_impossible_split(endpoint, weights, self._served(endpoint))
        if sum(share > 0 for share in weights.values()) > 1:
            self.refuse_unsplittable(endpoint)
        present = self._proxies.route(endpoint)
        kept = limits or (present.limits if present else None)
        if weights and kept is None:
            raise PlatformError(f"{endpoint} has no route yet: a new one needs limits")
        self._proxies.ask(endpoint, weights, kept)
        self._proxies.changed.discard(endpoint)

    def weights(self, endpoint: str) -> dict[str, int]:
        """The split last asked for; empty when the endpoint has no route."""
        return self._proxies.asked(endpoint)

    def set_mirror(self, endpoint: str, mirror: Mirror | None) -> None:
        """Ask for copies of the users' requests to go to a version besides; None: to nobody."""
        present = self._proxies.route(endpoint) or Route()
        refuse_impossible_mirror(endpoint, mirror, present.weights, self._served(endpoint))
        if mirror != present.mirror:
            self._proxies.ask(endpoint, present.weights, present.limits, mirror)

    def mirror(self, endpoint: str) -> Mirror | None:
        """The mirror last asked for; None when there is none."""
        return (self._proxies.route(endpoint) or Route()).mirror

    def wait_in_force(self, endpoint: str, weights: Weights, timeout: float) -> float:
        """Block until every proxy shows the split; return the seconds it took."""
        wanted = dict(weights)
        began = self._clock.monotonic()

        def everywhere() -> bool:
            # A proxy that shows the split because it has not taken a later one yet is not there.
            shown = self._proxies.shown(endpoint).values()
            return all(each == wanted for each in shown) and not self._proxies.awaited(endpoint)

        def late() -> str:
            shown = {
                name: split or "no route" for name, split in self._proxies.shown(endpoint).items()
            }
            return f"{endpoint}: {shown} instead of {wanted or 'no route'} after {timeout:.1f} s"

        wait_for(everywhere, timeout, POLL_S, late, self._clock)
        return self._clock.monotonic() - began

"""An endpoint's split as the places of one list: pure functions.

Envoy Gateway names a backend's cluster, with its connections and counters, by its place. So a place
that is in use never moves and never goes: it is filled in place. And a weight of 0 removes the
cluster, whose users get 500 until every thread has heard of it: so the least that a place may have
is one part of a million.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.errors import PlatformError

WHOLE = 1_000_000
"""Parts of a split: the most that a weight of the Gateway API may be."""
_PERCENT = WHOLE // 100
MOST = 16
"""Places of one rule, by the definition of HTTPRoute."""


WAKES_S = 120.0
"""How long a request waits for a version that sleeps."""


@dataclass(frozen=True)
class Waking:
    """The way to an arm that may sleep: by an interceptor, which wakes it."""

    namespace: str
    """The interceptor's."""
    host: str
    """By which it knows the arm."""

    @property
    def grpc_host(self) -> str:
        """The same, of what is asked by gRPC."""
        return f"{self.host}.grpc"


@dataclass(frozen=True)
class Slot:
    """One place."""

    arm: str
    parts: int
    waking: Waking | None = None
    """None: the arm's own pods are asked."""


def percent(slots: Sequence[Slot]) -> dict[str, int]:
    """The split that the places stand for, in percent; {} of none."""
    total = sum(slot.parts for slot in slots) or 1
    parts: dict[str, int] = {}
    for slot in slots:
        parts[slot.arm] = parts.get(slot.arm, 0) + slot.parts
    return {arm: round(100 * each / total) for arm, each in parts.items()}


def fill(
    before: Sequence[Slot], weights: Mapping[str, int], waking: Mapping[str, Waking] = {}
) -> tuple[Slot, ...]:
    """The places for a split, given those that there are.

    An arm keeps its place, of several the busiest; a new one takes the first that is free, or one
    more. What is free then is another place of the busiest arm.

    Args:
        before: the places so far.
        weights: the split.
        waking: the ways to arms that may sleep.

    Raises:
        PlatformError: there are more arms than places.
    """
    own: dict[str, int] = {}
    for place in sorted(range(len(before)), key=lambda place: before[place].parts):
        own[before[place].arm] = place
    places: list[str | None] = [
        slot.arm if slot.arm in weights and own[slot.arm] == place else None
        for place, slot in enumerate(before)
    ]
    for arm in sorted(weights):
        if arm not in places:
            if None in places:
                places[places.index(None)] = arm
            else:
                places.append(arm)
    if len(places) > MOST:
        raise PlatformError(f"{len(places)} versions at once: a route has places for {MOST}")
    busiest = max(sorted(weights), key=lambda arm: weights[arm])
    main = places.index(busiest)
    parts = [max(1, weights[arm] * _PERCENT) if arm else 1 for arm in places]
    parts[main] -= sum(parts) - WHOLE
    whose = [arm or busiest for arm in places]
    return tuple(Slot(arm, each, waking.get(arm)) for arm, each in zip(whose, parts, strict=True))

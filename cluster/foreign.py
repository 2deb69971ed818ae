"""What of a route is somebody else's, and stays as it is: pure functions.

``rules`` of an HTTPRoute is one list, which nobody can own in part: who writes weights writes all
of it. So what is written is what is there, with our rules, and in them our places and filters,
replaced. Ours are known by what they match, by the header of their places (`cluster.places`) and by
what their filters do: somebody may have changed any of these.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from cluster.kinds import Object
from components.errors import PlatformError

_STICKY = "sessionPersistence"


@dataclass(frozen=True)
class Ours:
    """How what we wrote into a route is known, whatever somebody has changed around it."""

    kind: Callable[[Object], str]
    """Which rule of ours a rule is, by what is in it; empty: it is none."""
    places: Callable[[Sequence[Object]], list[Object]]
    """Which places of such a rule we wrote."""
    join: Callable[[Sequence[Object], Sequence[Object]], list[Object]]
    """Filters of ours as they are to be, and of a rule so far, as those of the rule."""


def merged(found: Sequence[Object], wanted: Mapping[str, Object], ours: Ours) -> list[Object]:
    """The rules that are there, with ours as they are to be.

    A rule of ours whose match somebody has changed takes what they wanted, and is theirs; but our
    places in it are as all others: nobody may meet a version by it that is to get nothing.

    Args:
        found: the rules that are there.
        wanted: ours as they are to be, by their kinds.
        ours: how what we wrote is known.
    """
    new = list(wanted.values())
    rules = []
    for rule in found:
        mine = next((each for each in new if each["matches"] == rule.get("matches")), None)
        if mine is not None:
            new.remove(mine)
            rules.append(_renewed({**rule, **mine}, rule, mine, ours))
        elif changed := wanted.get(ours.kind(rule)):
            rules.append(_renewed(rule, rule, changed, ours))
        else:
            rules.append(rule)
    return [*rules, *new]


def without(found: Sequence[Object], matches: Collection[object], ours: Ours) -> list[Object]:
    """The rules that are there without what is ours.

    Args:
        found: the rules that are there.
        matches: of our rules.
        ours: how what we wrote is known.
    """
    rules = []
    for rule in found:
        left = _renewed(rule, rule, {}, ours)
        if not ours.kind(rule) and rule.get("matches") not in matches:
            rules.append(rule)
        elif left.get("backendRefs"):
            rules.append(left)
    return rules


def _renewed(rule: Object, there: Object, mine: Object, ours: Ours) -> Object:
    """A rule, with the places and filters that are ``there``, and in them ours replaced."""
    parts = {
        "filters": ours.join(mine.get("filters", []), there.get("filters") or []),
        "backendRefs": _in_place(
            mine.get("backendRefs", []), there.get("backendRefs") or [], ours.places
        ),
    }
    others = {key: value for key, value in rule.items() if key not in parts}
    return others | {part: value for part, value in parts.items() if value}


def _in_place(
    ours: Sequence[Object],
    there: Sequence[Object],
    written: Callable[[Sequence[Object]], list[Object]],
) -> list[Object]:
    """Our places where ours are, those of others where they are, and what is left at the end.

    No place of a rule ever moves (`cluster.slots`).
    """
    new, listed, before = list(ours), [], written(there)
    for each in there:
        if each not in before:
            listed.append(each)
        elif new:
            listed.append(new.pop(0))
    return listed + new


def refuse_sticky(endpoint: str, rules: Sequence[Object], ours: Sequence[Object]) -> None:
    """Check that no rule of ours keeps a user with the version that answered once.

    Raises:
        PlatformError: one does.
    """
    matches = [each["matches"] for each in ours]
    if any(_STICKY in rule for rule in rules if rule.get("matches") in matches):
        raise PlatformError(
            f"{endpoint}: its HTTPRoute has {_STICKY}: whoever met the candidate once would stay"
            " with it, so that no share would be what it is asked to be: take it out of the route"
        )

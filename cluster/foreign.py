"""What of a route is somebody else's, and stays as it is: pure functions.

``rules`` of an HTTPRoute is one list, which nobody can own in part: who writes weights writes all
of it. So what is written is what is there, with our rules, and in them our places and filters,
replaced. Ours are known by what they match, by the header of their places (`cluster.routes`) and by
what their filters do.
"""

from collections.abc import Callable, Sequence

from cluster.kinds import Object
from components.errors import PlatformError

_STICKY = "sessionPersistence"


Join = Callable[[Sequence[Object], Sequence[Object]], list[Object]]
"""Filters of ours as they are to be, and of a rule so far, as those of the rule."""


def merged(
    found: Sequence[Object],
    ours: Sequence[Object],
    is_ours: Callable[[Object], bool],
    join: Join,
) -> list[Object]:
    """The rules that are there, with ours as they are to be.

    Args:
        found: the rules that are there.
        ours: as they are to be.
        is_ours: whether a place is one that we wrote.
        join: how our filters come beside others'.
    """
    left = list(ours)
    rules = []
    for rule in found:
        mine = next((each for each in left if each["matches"] == rule.get("matches")), None)
        if mine is None:
            rules.append(rule)
        else:
            left.remove(mine)
            filters = join(mine.get("filters", []), rule.get("filters") or [])
            places = _in_place(mine.get("backendRefs", []), rule.get("backendRefs") or [], is_ours)
            parts = {"filters": filters, "backendRefs": places}
            others = {key: value for key, value in rule.items() if key not in parts}
            listed = {part: value for part, value in parts.items() if value}
            rules.append({**others, **mine, **listed})
    return [*rules, *left]


def _in_place(
    ours: Sequence[Object], there: Sequence[Object], is_ours: Callable[[Object], bool]
) -> list[Object]:
    """Our places where ours are, those of others where they are, and what is left at the end.

    No place of a rule ever moves (`cluster.slots`).
    """
    new, listed = list(ours), []
    for each in there:
        if not is_ours(each):
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

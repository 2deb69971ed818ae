"""Copies of users' requests as filters of a route's rule, and read back from them: pure functions.

A filter is the whole rule's: the header that tells a copy is on its original as well, so it names
the version that is asked copies (`components.gateway.SHADOW_HEADER`). Envoy sends copies past the
listener, and with it past our access log: they are in its own statistics of the mirror's cluster
(`cluster.copies`).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

from cluster.kinds import Object
from components import gateway
from components.platform import Mirror


def filters(mirror: Mirror | None, service: str, port: int) -> list[Object]:
    """The filters of a rule whose requests are copied to ``service``."""
    if mirror is None:
        return []
    to = {"group": "", "kind": "Service", "name": service, "port": port}
    named = {"name": gateway.SHADOW_HEADER, "value": visible(mirror.version)}
    return [
        {"type": "RequestMirror", "requestMirror": {"backendRef": to, "percent": mirror.percent}},
        {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [named]}},
    ]


def read(there: Sequence[Object], service: Callable[[str], str]) -> Mirror | None:
    """The mirror that a rule's filters stand for; None: it has none of ours.

    Args:
        there: the filters.
        service: the name of a version's Service.
    """
    for named in (each for part in there for each in _set(part) if _is_mark(each)):
        version = unquote(named["value"].replace("%%", "%"))
        for copied in (part["requestMirror"] for part in there if "requestMirror" in part):
            if copied["backendRef"]["name"] == service(version):
                return Mirror(version, copied.get("percent", 100))
    return None


def joined(
    ours: Sequence[Object], there: Sequence[Object], services: Collection[str]
) -> list[Object]:
    """Our filters first, as a mirror is counted by its place, and what others have added.

    A rule may set headers in one filter only, so our header is in theirs.

    Args:
        ours: as they are to be.
        there: the rule's filters so far.
        services: to which ours copied so far.
    """
    new, others = list(ours), []
    for part in there:
        to = (part.get("requestMirror") or {}).get("backendRef") or {}
        if to.get("name") in services:
            continue
        if "requestHeaderModifier" not in part:
            others.append(part)
            continue
        mine = next((each for each in new if "requestHeaderModifier" in each), None)
        if mine is not None:
            new.remove(mine)
        kept = [each for each in _set(part) if not _is_mark(each)]
        modifier = {**part["requestHeaderModifier"], "set": [*kept, *_set(mine or {})]}
        if not modifier["set"]:
            del modifier["set"]
        if modifier:
            others.append({**part, "requestHeaderModifier": modifier})
    return [*new, *others]


def _set(part: Mapping[str, Any]) -> list[Object]:
    """The headers that a filter sets."""
    found: list[Object] = (part.get("requestHeaderModifier") or {}).get("set") or []
    return found


def _is_mark(header: Mapping[str, Any]) -> bool:
    return bool(header["name"] == gateway.SHADOW_HEADER)


def visible(text: str) -> str:
    """As a header's value, which Envoy reads as a format; ordinary names stay as they are."""
    return quote(text, safe="-_.~").replace("%", "%%")

"""What the gateway says of an object that it was given: pure functions."""

from collections.abc import Iterator

from cluster.attachment import leads
from cluster.kinds import Object
from cluster.settings import Gateway

_REFUSES = {("Accepted", "False"), ("Overridden", "True")}


def refused(found: Object, by: Gateway) -> str:
    """Why the gateway does not go by this generation of the object; empty: it does, or not yet.

    That a version has no pod or no Service is no refusal: the way back must not wait for it. Nor is
    what another Gateway says of a route that is attached there, too; and of several listeners one
    that takes it is enough: what users get there, its proxies show.
    """
    said = [_refusal(each, found["metadata"]["generation"]) for each in _told(found, by)]
    return said[0] if said and all(said) else ""


def _told(found: Object, by: Gateway) -> Iterator[list[Object]]:
    """The conditions of a route, or of a policy, for each place where it is to be the Gateway's."""
    status, own = found.get("status") or {}, found["metadata"].get("namespace", "")
    for each in (*(status.get("parents") or []), *(status.get("ancestors") or [])):
        if leads(each.get("parentRef") or each.get("ancestorRef") or {}, own, by):
            yield each.get("conditions") or []


def _refusal(conditions: list[Object], generation: int) -> str:
    for each in conditions:
        current = each.get("observedGeneration") == generation
        if current and (each["type"], each["status"]) in _REFUSES:
            return f"{each['reason']}: {each.get('message', '')}"
    return ""

"""What the gateway says of an object that it was given: pure functions."""

from collections.abc import Iterator

from cluster.kinds import Object

_REFUSES = {("Accepted", "False"), ("Overridden", "True")}


def refused(found: Object) -> str:
    """Why the gateway does not go by this generation of the object; empty: it does, or not yet.

    That a version has no pod or no Service is no refusal: the way back must not wait for it.
    """
    generation = found["metadata"]["generation"]
    for each in _conditions(found):
        current = each.get("observedGeneration") == generation
        if current and (each["type"], each["status"]) in _REFUSES:
            return f"{each['reason']}: {each.get('message', '')}"
    return ""


def _conditions(found: Object) -> Iterator[Object]:
    """Of a route for each of its parents, of a policy for each of the Gateways that it is for."""
    status = found.get("status") or {}
    for each in (*(status.get("parents") or []), *(status.get("ancestors") or [])):
        yield from each.get("conditions") or []

"""What the gateway says of an object that it was given: pure functions."""

from cluster.kinds import Object


def refused(found: Object) -> str:
    """Why the gateway does not take this generation of the route; empty: it does, or has not yet.

    That a version has no pod or no Service is no refusal: the way back must not wait for it.
    """
    generation = found["metadata"]["generation"]
    for parent in found.get("status", {}).get("parents", []):
        for each in parent.get("conditions", []):
            current = each.get("observedGeneration") == generation
            if current and (each["type"], each["status"]) == ("Accepted", "False"):
                return f"{each['reason']}: {each.get('message', '')}"
    return ""

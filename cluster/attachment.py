"""To which Gateway a route is attached, and for which hosts: pure functions."""

from cluster.kinds import Object
from cluster.settings import Gateway


def parents(to: Gateway) -> list[Object]:
    """What attaches a route to the Gateway."""
    section = {"sectionName": to.listener} if to.listener else {}
    return [{"name": to.name, "namespace": to.namespace, **section}]


def attached(found: Object, to: Gateway) -> bool:
    """Whether a route belongs to the Gateway."""
    refs = (found.get("spec") or {}).get("parentRefs") or []
    return any(leads(each, found["metadata"].get("namespace", ""), to) for each in refs)


def leads(ref: Object, own: str, to: Gateway) -> bool:
    """Whether a reference of an object in the namespace ``own`` means the Gateway."""
    return (ref.get("name"), ref.get("namespace") or own) == (to.name, to.namespace)


def hosts(found: Object | None) -> list[str]:
    """The hosts that a route is for; none: whatever the listener takes."""
    named: list[str] = ((found or {}).get("spec") or {}).get("hostnames") or []
    return named


def host(found: Object | None) -> str:
    """One host that a route is for."""
    return next(iter(hosts(found)), "sluice").replace("*", "sluice")

"""Objects of our names that are somebody else's: none is ever changed or deleted."""

from collections.abc import Iterable
from contextlib import suppress

from cluster import pins, routes
from cluster.api import MANAGER, Api, Conflict, Missing
from cluster.kinds import BACKEND_TRAFFIC_POLICY, HTTP_ROUTE, Kind, Object
from cluster.names import MANAGED, OURS, annotation, is_ours, object_name
from components.errors import PlatformError

_TRIES = 30
"""The gateway's controller writes a route's status, and each time it is of another version."""


def look(api: Api, kind: Kind, namespace: str, name: str) -> Object | None:
    """The object, by a patch of nothing: who may write one need not have the right to read it."""
    try:
        return api.merge(kind, namespace, name, {})
    except Missing:
        return None


def refuse(found: Object | None, kind: Kind) -> None:
    """Check that an object may be written.

    Raises:
        PlatformError: it is somebody else's.
    """
    if found is not None and not is_ours(found):
        name = found["metadata"]["name"]
        raise PlatformError(
            f"{kind.name} {name} is not Sluice's, which needs that name: give it another one, or"
            f" the endpoint ('kubectl describe {kind.plural} {name}' says whose it is)"
        )


def refuse_all(api: Api, namespace: str, named: Iterable[tuple[Kind, str]]) -> None:
    """Check that objects of these names may be written.

    Raises:
        PlatformError: one is somebody else's.
    """
    for kind, name in named:
        refuse(look(api, kind, namespace, name), kind)


def beside_route(endpoint: str) -> tuple[tuple[Kind, str], ...]:
    """What an endpoint needs beside its route: its pins and limits."""
    return (HTTP_ROUTE, pins.name(endpoint)), (BACKEND_TRAFFIC_POLICY, object_name(endpoint))


def refuse_route(found: Object | None) -> None:
    """Check that an endpoint's route may be written: ours, or one without rules, kept in git.

    Raises:
        PlatformError: it is somebody else's.
    """
    if found is not None and routes.rules_in(found):
        refuse(found, HTTP_ROUTE)


def refuse_route_and_limits(api: Api, namespace: str, endpoint: str, found: Object | None) -> None:
    """Check that an endpoint may get a route, whose object so far is ``found``.

    Raises:
        PlatformError: an object of these names is somebody else's.
    """
    refuse_route(found)
    refuse_all(api, namespace, beside_route(endpoint))


def remove_route(api: Api, namespace: str, endpoint: str) -> None:
    """Take an endpoint's route away, with its pins and limits.

    Of a route that others keep, or have added to, what is ours goes, and the rest stays.

    Raises:
        PlatformError: somebody writes it all the time.
    """
    pinned = api.get(HTTP_ROUTE, namespace, pins.name(endpoint))
    if pinned is not None and is_ours(pinned):
        api.delete(HTTP_ROUTE, namespace, pins.name(endpoint))
    name = object_name(endpoint)
    for _ in range(_TRIES):
        found = api.get(HTTP_ROUTE, namespace, name)
        if found is None or not is_ours(found):
            break
        with suppress(Conflict):
            _take_out(api, namespace, endpoint, found)
            break
    else:
        raise PlatformError(f"the route of {endpoint} is changed by somebody else all the time")
    # Last: a route without its limits has changed, and keeps the proxies from every new place.
    limits = look(api, BACKEND_TRAFFIC_POLICY, namespace, name)
    if limits is not None and is_ours(limits):
        api.delete(BACKEND_TRAFFIC_POLICY, namespace, name)


def _take_out(api: Api, namespace: str, endpoint: str, found: Object) -> None:
    metadata, left = found["metadata"], routes.without_ours(endpoint, found)
    name, version = metadata["name"], metadata.get("resourceVersion", "")
    if not left and not _is_kept_by_others(found):
        api.delete(HTTP_ROUTE, namespace, name, version)
        return
    ours = annotation("")
    marks = {
        part: {
            key: None
            for key, value in (metadata.get(part) or {}).items()
            if key.startswith(ours) or (key, value) == (MANAGED, OURS)
        }
        for part in ("labels", "annotations")
    }
    # Without rules, the API server puts the one there that stands for none.
    patch = {"metadata": {"resourceVersion": version, **marks}, "spec": {"rules": left or None}}
    with suppress(Missing):
        api.merge(HTTP_ROUTE, namespace, name, patch)


def _is_kept_by_others(found: Object) -> bool:
    """Whether somebody else wrote which Gateway, or which hosts, the route is for."""
    return any(
        {"f:parentRefs", "f:hostnames"} & (each.get("fieldsV1") or {}).get("f:spec", {}).keys()
        for each in found["metadata"].get("managedFields") or []
        if each.get("manager") != MANAGER
    )

"""Whose route has an endpoint's paths at its host as well, and which of the two is in force.

A path is made of the endpoint's name, so two teams with endpoints of one name behind one listener
have the same paths. Of such routes the oldest alone is in force, as the Gateway API has it.
"""

from collections.abc import Iterable, Sequence

from cluster import attachment, routes
from cluster.api import Api
from cluster.kinds import HTTP_ROUTE, Object
from cluster.names import ENDPOINT, label_value, labels, object_name
from cluster.settings import Gateway
from components.errors import PlatformError


def find(
    api: Api, namespace: str, endpoint: str, to: Gateway
) -> tuple[list[Object], Object | None]:
    """The routes of other teams that have the endpoint's paths at its host, and the team's own.

    Args:
        api: the API server.
        namespace: the team's.
        endpoint: its name.
        to: the Gateway of a route that is not there yet.

    Raises:
        PlatformError: the account may not list the routes of all namespaces.
    """
    found = api.list(HTTP_ROUTE, "", labels(routes.PART, endpoint=endpoint))
    own = api.get(HTTP_ROUTE, namespace, object_name(endpoint))
    others = [each for each in found if each["metadata"]["namespace"] != namespace]
    return rivals(others, own, to), own


def rivals(others: Iterable[Object], own: Object | None, to: Gateway) -> list[Object]:
    """Those of other teams' routes for endpoints of this name that take the paths of the own one.

    What is kept in git and has no rules of ours yet takes none.
    """
    mine = own or {"metadata": {}, "spec": {"parentRefs": attachment.parents(to)}}
    return [
        each
        for each in others
        if routes.is_written(each)
        and _share_a_listener(mine, each)
        and meet(attachment.hosts(mine), attachment.hosts(each))
    ]


def unfit(endpoint: str, found: Sequence[Object], own: Object | None) -> str:
    """Why no split of the own route can come into force; empty where it is before its rivals.

    One that has no rules of ours yet is behind them, whatever its age: with rules an older one
    would take their users.
    """
    ahead = list(found)
    if own is not None and routes.is_written(own):
        ahead = [each for each in found if _age(each) < _age(own)]
    return f"{endpoint}: {said(ahead)}" if ahead else ""


def said(found: Sequence[Object]) -> str:
    """Who the rivals are, in a few words with the mend."""
    whose = ", ".join(_name(each) for each in found)
    return (
        f"HTTPRoute {whose} has these paths at the same host: give one of the two hosts of its own"
        " (spec.hostnames of its HTTPRoute), or another name"
    )


def guessed(endpoint: str) -> str:
    """The same where nobody may say."""
    return (
        "if another team has an endpoint of this name too, one of the two needs a host of its own:"
        f" 'kubectl get httproutes -A -l {ENDPOINT}={label_value(endpoint)}'"
    )


def meet(mine: Sequence[str], theirs: Sequence[str]) -> bool:
    """Whether a proxy would look for both at one host: it takes the most specific that fits."""
    return not (mine or theirs) or bool(set(mine) & set(theirs))


def _share_a_listener(mine: Object, theirs: Object) -> bool:
    return any(
        a[:2] == b[:2] and (a[2] == b[2] or not (a[2] and b[2]))
        for a in _listeners(mine)
        for b in _listeners(theirs)
    )


def _listeners(found: Object) -> list[tuple[str, str, str]]:
    """Namespace and name of each Gateway of a route, and the listener; empty for all of them."""
    own = found["metadata"].get("namespace", "")
    return [
        (each.get("namespace") or own, each["name"], each.get("sectionName", ""))
        for each in (found.get("spec") or {}).get("parentRefs") or []
    ]


def _age(found: Object) -> tuple[str, str, str]:
    """Sorts routes as a gateway does, the oldest first."""
    metadata = found["metadata"]
    return metadata["creationTimestamp"], metadata["namespace"], metadata["name"]


def _name(found: Object) -> str:
    return f"{found['metadata']['namespace']}/{found['metadata']['name']}"


def beside(api: Api, namespace: str, endpoint: str, to: Gateway) -> str:
    """Which other teams have its paths at its host, to end a sentence, as far as one may ask."""
    try:
        found, _ = find(api, namespace, endpoint, to)
    except PlatformError:
        return f"; {guessed(endpoint)}"
    return f"; {said(found)}" if found else ""

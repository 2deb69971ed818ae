"""A team's route and ours, for tests of taking one over."""

from typing import Any

from cluster import routes
from cluster.kinds import HTTP_ROUTE, Object
from cluster.routes import Route
from cluster.settings import Gateway
from cluster.slots import WHOLE, Slot
from components.platform import RouteLimits

TO = Gateway(url="https://models.example")
SERVICES = {"mine", "mine-predictor"}
OURS = Route("fraud", (Slot("7", WHOLE),), RouteLimits(50, 30.0))


def rule(kind: str, value: str, *services: str, **more: Any) -> Object:
    """A rule of a team's, by one path, to these Services."""
    places = [{"name": each, "port": 80, "weight": 1} for each in services or ("mine-predictor",)]
    return {"matches": [{"path": {"type": kind, "value": value}}], "backendRefs": places, **more}


def route(*given: Object, name: str = "shop", **spec: Any) -> Object:
    """A route of a team's, attached to our Gateway."""
    parents = [{"name": "sluice", "namespace": "sluice-system"}]
    metadata = {"name": name, "namespace": "demo", "resourceVersion": "1"}
    return HTTP_ROUTE.object(metadata, spec={"parentRefs": parents, "rules": list(given), **spec})


def ours() -> list[Object]:
    """The rules of the endpoint `fraud`."""
    made: list[Object] = routes.route_object(OURS, TO, {})["spec"]["rules"]
    return made

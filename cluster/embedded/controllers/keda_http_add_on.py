"""KEDA's HTTP add-on: the interceptor, which wakes versions, and what tells KEDA of requests."""

from cluster.embedded.archive import Image
from cluster.embedded.controllers.part import Materials, Part, container, image_name, one, split
from cluster.embedded.families import KEDA_HTTP_ADD_ON
from cluster.embedded.kubectl import Object
from cluster.embedded.shipped import kustomized

NAMESPACE = "keda"

_SERVERS = ("interceptor", "operator", "scaler")


def part(materials: Materials) -> Part:
    """The three servers, of one image."""
    image = image_name(KEDA_HTTP_ADD_ON)
    shipped = kustomized(KEDA_HTTP_ADD_ON, "config/default", materials.kubectl)
    definitions, objects = split(shipped)
    # One interceptor is enough for a node; KEDA would look for what scales it in its own namespace.
    kept = [each for each in objects if each["kind"] != "ScaledObject"]
    names = {server: f"keda-add-ons-http-{server}" for server in _SERVERS}
    for server, name in names.items():
        _run(one(kept, "Deployment", name), image, server)
    programs = {name: materials.program(KEDA_HTTP_ADD_ON, name) for name in _SERVERS}
    return Part(
        "keda-http-add-on",
        images=(Image(image, programs),),
        definitions=definitions,
        objects=kept,
        deployments=tuple(f"{NAMESPACE}/{name}" for name in names.values()),
    )


def _run(deployment: Object, image: str, program: str) -> None:
    server = container(deployment)
    server["image"], server["imagePullPolicy"] = image, "Never"
    server["command"] = [f"/{program}"]
    server["resources"] = {
        "requests": {"cpu": "10m", "memory": "32Mi"},
        "limits": {"memory": "256Mi"},
    }

"""KEDA: its operator, and what gives its metrics to Kubernetes' own autoscaler."""

from cluster.embedded.archive import Image
from cluster.embedded.controllers.part import (
    Materials,
    Part,
    Settled,
    container,
    image_name,
    one,
    split,
)
from cluster.embedded.families import KEDA
from cluster.embedded.kubectl import Object
from cluster.embedded.shipped import kustomized

NAMESPACE = "keda"

_SERVERS = ("keda-operator", "keda-metrics-apiserver")
_CHECKS = "keda-admission"
"""What checks objects when they are written, and is left out: ours are checked by tests."""
_METRICS = "v1beta1.external.metrics.k8s.io"


def part(materials: Materials) -> Part:
    """Both servers, of one image."""
    image = image_name(KEDA)
    definitions, shipped = split(kustomized(KEDA, "config/default", materials.kubectl))
    objects = [each for each in shipped if _CHECKS not in each["metadata"]["name"]]
    for name in _SERVERS:
        _run(one(objects, "Deployment", name), image)
    programs = {name: materials.program(KEDA, name) for name in ("keda", "keda-adapter")}
    spaces = [each for each in objects if each["kind"] == "Namespace"]
    return Part(
        "keda",
        images=(Image(image, programs),),
        definitions=[*spaces, *definitions],
        objects=[each for each in objects if each not in spaces],
        deployments=tuple(f"{NAMESPACE}/{name}" for name in _SERVERS),
        settled=(Settled("default", f"apiservice/{_METRICS}", "Available"),),
    )


def _run(deployment: Object, image: str) -> None:
    server = container(deployment)
    server["image"], server["imagePullPolicy"] = image, "Never"
    server["resources"] = {
        "requests": {"cpu": "10m", "memory": "64Mi"},
        "limits": {"memory": "512Mi"},
    }
    for probe in ("livenessProbe", "readinessProbe"):
        server[probe] |= {"initialDelaySeconds": 5, "failureThreshold": 30}

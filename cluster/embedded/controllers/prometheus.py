"""Prometheus, which scrapes the gateways' proxies and every pod that asks for it."""

from cluster.embedded.archive import Image
from cluster.embedded.controllers.part import (
    Materials,
    Part,
    container,
    image_name,
    namespace,
    one,
    own,
)
from cluster.embedded.families import PROMETHEUS

NAMESPACE = "monitoring"


def part(materials: Materials) -> Part:
    """Prometheus."""
    image = image_name(PROMETHEUS)
    objects = own("prometheus.yaml")
    container(one(objects, "Deployment", "prometheus"))["image"] = image
    program = materials.program(PROMETHEUS, "prometheus")
    return Part(
        "prometheus",
        images=(Image(image, {"prometheus": program}, ("/prometheus",)),),
        definitions=[namespace(NAMESPACE)],
        objects=objects,
        deployments=(f"{NAMESPACE}/prometheus",),
    )

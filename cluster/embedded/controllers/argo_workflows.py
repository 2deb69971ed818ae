"""Argo Workflows' controller; no server, whose pages nobody asks for here."""

from cluster.embedded.archive import Image
from cluster.embedded.controllers.part import (
    Materials,
    Part,
    container,
    image_name,
    namespace,
    one,
    split,
)
from cluster.embedded.families import ARGO_WORKFLOWS
from cluster.embedded.shipped import kustomized

NAMESPACE = "argo"


def part(materials: Materials) -> Part:
    """The controller, and the image that it puts beside each step."""
    image = image_name(ARGO_WORKFLOWS)
    shipped = kustomized(ARGO_WORKFLOWS, "manifests/cluster-install", materials.kubectl)
    definitions, objects = split(shipped)
    own = [each for each in objects if not each["metadata"]["name"].startswith("argo-server")]
    controller = container(one(own, "Deployment", "workflow-controller"))
    controller["image"], controller["imagePullPolicy"] = image, "Never"
    controller["args"] = ["--executor-image", image, "--executor-image-pull-policy", "Never"]
    programs = ("workflow-controller", "argoexec")
    return Part(
        "argo-workflows",
        images=(
            Image(image, {name: materials.program(ARGO_WORKFLOWS, name) for name in programs}),
        ),
        definitions=[namespace(NAMESPACE), *definitions],
        objects=own,
        deployments=(f"{NAMESPACE}/workflow-controller",),
    )

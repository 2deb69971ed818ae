"""Argo Workflows' controller; no server, whose pages nobody asks for here."""

from cluster.embedded.archive import Image
from cluster.embedded.controllers.part import (
    Materials,
    Part,
    container,
    image_name,
    namespace,
    one,
    own,
    split,
)
from cluster.embedded.families import ARGO_WORKFLOWS
from cluster.embedded.shipped import kustomized

NAMESPACE = "argo"

ENVIRONMENT = {
    # A step of a chain takes 6 s instead of 10 s, and a stop is seen after 7 s instead of 23 s.
    "DEFAULT_REQUEUE_TIME": "1s",
    # How soon people see how far a step is.
    "ARGO_PROGRESS_PATCH_TICK_DURATION": "5s",
}
"""Of the controller, beside what upstream sets."""


def part(materials: Materials) -> Part:
    """The controller, and the image that it puts beside each step."""
    image = image_name(ARGO_WORKFLOWS)
    shipped = kustomized(ARGO_WORKFLOWS, "manifests/cluster-install", materials.kubectl)
    definitions, objects = split(shipped)
    kept = [each for each in objects if not each["metadata"]["name"].startswith("argo-server")]
    one(kept, "ConfigMap", "workflow-controller-configmap")["data"] = own("workflows.yaml")[0]
    controller = container(one(kept, "Deployment", "workflow-controller"))
    controller["image"], controller["imagePullPolicy"] = image, "Never"
    controller["args"] = ["--executor-image", image, "--executor-image-pull-policy", "Never"]
    controller["env"] += [{"name": key, "value": value} for key, value in ENVIRONMENT.items()]
    controller["resources"] = {
        "requests": {"cpu": "20m", "memory": "128Mi"},
        "limits": {"memory": "512Mi"},
    }
    programs = ("workflow-controller", "argoexec")
    return Part(
        "argo-workflows",
        images=(
            Image(image, {name: materials.program(ARGO_WORKFLOWS, name) for name in programs}),
        ),
        definitions=[namespace(NAMESPACE), *definitions],
        objects=kept,
        deployments=(f"{NAMESPACE}/workflow-controller",),
    )

"""KServe's controller, in standard mode and without routes of its own."""

import json

from cluster.embedded.archive import Image
from cluster.embedded.controllers.part import (
    Materials,
    Part,
    container,
    image_name,
    one,
    split,
)
from cluster.embedded.families import KSERVE
from cluster.embedded.kubectl import Object
from cluster.embedded.shipped import kustomized

NAMESPACE = "kserve"

_WEBHOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
_CERTIFICATE = "kserve-webhook-server-cert"

_SETTINGS: dict[str, dict[str, object]] = {
    "deploy": {"defaultDeploymentMode": "Standard"},
    # An endpoint's route is ours: one for all of its versions.
    "ingress": {
        "enableGatewayApi": True,
        "disableIstioVirtualHost": True,
        "disableIngressCreation": True,
        # By the default a predictor's name and its namespace share one label of 63 letters.
        "domainTemplate": "{{ .Name }}.{{ .Namespace }}.{{ .IngressDomain }}",
    },
}
"""What differs from upstream's in the ConfigMap, by its keys."""


def part(materials: Materials) -> Part:
    """KServe, with our authority in the place of cert-manager."""
    image = image_name(KSERVE)
    shipped = kustomized(KSERVE, "config/overlays/standalone/kserve", materials.kubectl)
    definitions, objects = split(shipped)
    own = [
        each
        for each in objects
        if not each["apiVersion"].startswith("cert-manager.io/") and each["kind"] != "Secret"
    ]
    _configure(one(own, "ConfigMap", "inferenceservice-config"))
    _run(one(own, "Deployment", "kserve-controller-manager"), image)
    for each in own:
        for webhook in each["webhooks"] if each["kind"] in _WEBHOOKS else ():
            webhook["clientConfig"]["caBundle"] = materials.authority()
    late = [each for each in own if each["kind"] == "ClusterStorageContainer"]
    return Part(
        "kserve",
        images=(Image(image, {"manager": materials.program(KSERVE, "manager")}, ("/manager",)),),
        definitions=definitions,
        objects=[*(each for each in own if each not in late), _secret(materials)],
        late=late,
        deployments=(f"{NAMESPACE}/kserve-controller-manager",),
    )


def _configure(found: Object) -> None:
    for key, changes in _SETTINGS.items():
        found["data"][key] = json.dumps(json.loads(found["data"][key]) | changes)


def _run(deployment: Object, image: str) -> None:
    manager = container(deployment)
    manager["image"], manager["imagePullPolicy"] = image, "Never"
    manager["resources"] = {
        "requests": {"cpu": "20m", "memory": "100Mi"},
        "limits": {"memory": "512Mi"},
    }
    manager["readinessProbe"] |= {"initialDelaySeconds": 1, "periodSeconds": 1}
    # The other one guards the metrics' port, and its image cannot be built from a module.
    deployment["spec"]["template"]["spec"]["containers"] = [manager]


def _secret(materials: Materials) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": _CERTIFICATE, "namespace": NAMESPACE},
        "data": materials.secret("kserve-webhook"),
    }

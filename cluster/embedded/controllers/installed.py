"""Everything that is installed on the node, in order."""

from cluster.embedded.controllers import coredns, envoy_gateway, keda, kserve, prometheus, sluice
from cluster.embedded.controllers.part import Materials, Part


def parts(materials: Materials) -> list[Part]:
    """Every controller."""
    modules = (coredns, envoy_gateway, prometheus, keda, kserve, sluice)
    return [each.part(materials) for each in modules]

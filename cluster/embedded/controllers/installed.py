"""Everything that is installed on the node, in order."""

from cluster.embedded.controllers import (
    argo_events,
    argo_workflows,
    coredns,
    envoy_gateway,
    keda,
    kserve,
    prometheus,
    volumes,
)
from cluster.embedded.controllers.part import Materials, Part


def parts(materials: Materials) -> list[Part]:
    """Every controller."""
    makers = (
        coredns.part,
        volumes.part,
        envoy_gateway.part,
        prometheus.part,
        keda.part,
        kserve.part,
        argo_workflows.part,
        argo_events.part,
    )
    return [make(materials) for make in makers]

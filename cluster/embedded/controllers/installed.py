"""Everything that is installed on the node, in order."""

from cluster.embedded.controllers import (
    argo_events,
    argo_workflows,
    coredns,
    envoy_gateway,
    keda,
    keda_http_add_on,
    kserve,
    prometheus,
    sluice,
    volumes,
)
from cluster.embedded.controllers.part import Materials, Part


def parts(materials: Materials) -> list[Part]:
    """Every controller, and last what runs on them."""
    makers = (
        coredns.part,
        volumes.part,
        envoy_gateway.part,
        prometheus.part,
        keda.part,
        keda_http_add_on.part,
        kserve.part,
        argo_workflows.part,
        argo_events.part,
        sluice.part,
    )
    return [make(materials) for make in makers]

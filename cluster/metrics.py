"""What the proxies counted of a team's endpoints: the same series as on a laptop.

They come from an access logger of our own at the Gateway's listener, which counts by the header
that each place of a route sets (`cluster.places.ARM_HEADER`). Each proxy is a source of its own.
"""

import json
from collections.abc import Mapping
from dataclasses import replace

from cluster import copies
from cluster.copies import MirroredMetrics
from components import gateway
from components.metrics.queries import SLUICE, Queries, Series, of_requests
from components.platform.scraped import PrometheusMetrics

_WHOSE = "which namespace's endpoint was asked"


def queries(namespace: str) -> Queries:
    """The counters of one namespace: two teams may have an endpoint of the same name."""
    own = f"{gateway.NAMESPACE_LABEL}={json.dumps(namespace)}"

    def of_team(series: Series) -> Series:
        return series._replace(matchers=(*series.matchers, own))

    return replace(
        SLUICE,
        requests=of_team(SLUICE.requests),
        failed=tuple(map(of_team, SLUICE.failed)),
        refused=tuple(map(of_team, SLUICE.refused)),
        unanswered=tuple(map(of_team, SLUICE.unanswered)),
        latencies=of_team(SLUICE.latencies),
        overflow=SLUICE.overflow and of_team(SLUICE.overflow),
        source=_source,
        predictors=(*SLUICE.predictors, own),
        always=(
            *SLUICE.always,
            of_requests(gateway.ROUTE, _WHOSE, f'{gateway.CLUSTER}=~".+"'),
            of_requests(gateway.NAMESPACE_LABEL, _WHOSE, gateway.ROUTED),
        ),
        # Envoy's own statistics know a place of a route, not who has it.
        retries=None,
    )


def _source(labels: Mapping[str, str]) -> str:
    kind = "rest" if gateway.is_users_rest(labels[gateway.CLUSTER]) else "grpc"
    return f"{labels.get('instance', '')}/{kind}"


def metrics(url: str, namespace: str) -> MirroredMetrics:
    """The counters that the Prometheus at ``url`` has of a namespace's endpoints."""
    mend = "'kubectl get pods --namespace sluice-system' shows whether it runs"
    return MirroredMetrics(
        PrometheusMetrics(url, queries(namespace), mend, namespace=namespace),
        PrometheusMetrics(url, copies.queries(namespace), mend),
    )

"""This machine's Prometheus (`components.platform.Metrics`)."""

from collections.abc import Mapping
from dataclasses import replace

from components import gateway
from components.metrics.queries import SLUICE
from components.platform.scraped import PrometheusMetrics
from local.loopback import local_transport

REST, GRPC = "envoy/rest", "envoy/grpc"
"""The sources of a version; the second one once it has had a gRPC request."""


def _source(labels: Mapping[str, str]) -> str:
    return REST if gateway.is_users_rest(labels[gateway.CLUSTER]) else GRPC


QUERIES = replace(SLUICE, replica=(), source=_source)
"""This machine has one gateway, whose port, and so its `instance`, may change."""


def metrics(url: str) -> PrometheusMetrics:
    """The counters of the Prometheus at ``url``."""
    return PrometheusMetrics(url, QUERIES, "run 'sluice up'", local_transport)

"""Raw counters out of this machine's Prometheus (`components.platform.Metrics`)."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import httpx

from components import gateway
from components.errors import Unreachable
from components.metrics import Metered, Reading
from components.metrics.newest import sample
from components.metrics.queries import SLUICE
from components.metrics.used import usage
from local.loopback import local_client

REST, GRPC = "envoy/rest", "envoy/grpc"


def _source(labels: Mapping[str, str]) -> str:
    return REST if gateway.is_users_rest(labels[gateway.CLUSTER]) else GRPC


QUERIES = replace(SLUICE, replica=(), source=_source)
"""This machine has one gateway, whose port, and so its `instance`, may change."""


@dataclass(frozen=True)
class PrometheusMetrics:
    """What users got of each version, as the gateway counted it.

    The sources of a version are ``envoy/rest`` and, once it has had a gRPC request,
    ``envoy/grpc``. Requests that a client gave up, and those that the gateway itself refused
    (401, 413, 429), are in neither: no version has answered them.
    """

    url: str
    transport: httpx.BaseTransport | None = None

    def _client(self) -> httpx.Client:
        if self.transport is None:
            return local_client(timeout=3.0, base_url=self.url)
        return httpx.Client(base_url=self.url, transport=self.transport)

    def sample(self, endpoint: str, versions: Sequence[str], max_age: float) -> Reading:
        """The newest raw counters by version and source.

        A version without a request yet has counters of zero, since the gateway was scraped and
        had nothing to say of it.

        Raises:
            Unreachable: Prometheus did not answer.
        """
        with _told(), self._client() as client:
            return sample(client, QUERIES, endpoint, versions, max_age)

    def usage(self, endpoint: str, versions: Sequence[str], start: float, end: float) -> Metered:
        """What each arm was asked and used in that time; as far back as Prometheus remembers.

        Raises:
            Unreachable: Prometheus did not answer.
        """
        with _told(), self._client() as client:
            return usage(client, QUERIES, endpoint, versions, (start, end))


@contextmanager
def _told() -> Iterator[None]:
    """Say how a Prometheus is brought back."""
    try:
        yield
    except Unreachable as error:
        raise Unreachable(f"{error}: run 'sluice up'") from error

"""Raw counters out of a Prometheus server (`components.platform.Metrics`)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from components.errors import Unreachable
from components.metrics import Alerting, Metered, Reading, fitness
from components.metrics.alerts import alerts
from components.metrics.newest import sample
from components.metrics.queries import Queries
from components.metrics.used import usage

_TIMEOUT_S = 3.0


@dataclass(frozen=True)
class PrometheusMetrics:
    """What users got of each version, as the gateway counted it.

    Requests that a client gave up before they were sent on, and those that the gateway itself
    refused (401, 413, 429), are in no version's counters: none has answered them.

    Args:
        url: of the server, for people as well.
        queries: what the gateway counts, and what its sources are called.
        mend: how the server is brought back.
        transport: makes the wire of one question; httpx's own if None.
        namespace: whose endpoints are meant, where several teams have some.
    """

    url: str
    queries: Queries
    mend: str
    transport: Callable[[], httpx.BaseTransport] | None = None
    namespace: str = ""

    @contextmanager
    def _asking(self) -> Iterator[httpx.Client]:
        wire = self.transport() if self.transport else None
        try:
            with httpx.Client(
                base_url=self.url, transport=wire, timeout=_TIMEOUT_S, trust_env=False
            ) as client:
                yield client
        except Unreachable as error:
            raise Unreachable(f"{error}: {self.mend}") from error

    def sample(self, endpoint: str, versions: Sequence[str], max_age: float) -> Reading:
        """The newest raw counters by version and source.

        A version without a request yet has counters of zero, since the gateway was scraped and
        had nothing to say of it.

        Raises:
            Unreachable: Prometheus did not answer.
        """
        with self._asking() as client:
            return sample(client, self.queries, endpoint, versions, max_age)

    def unfit(self) -> str:
        """Why what it has of the gateway is nothing to judge by; empty if it is, as far as known.

        Raises:
            Unreachable: Prometheus did not answer.
        """
        with self._asking() as client:
            return fitness.unfit(client, self.queries)

    def usage(self, endpoint: str, versions: Sequence[str], start: float, end: float) -> Metered:
        """What each arm was asked and used in that time; as far back as Prometheus remembers.

        Raises:
            Unreachable: Prometheus did not answer.
        """
        with self._asking() as client:
            return usage(client, self.queries, endpoint, versions, (start, end))

    def alerts(self, names: Sequence[str], endpoint: str) -> dict[str, Alerting]:
        """Which of the named alerts fire now, of the endpoint or of none in particular.

        Raises:
            Unreachable: Prometheus did not answer.
        """
        with self._asking() as client:
            return alerts(client, names, endpoint, self.namespace)

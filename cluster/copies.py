"""What copies of requests showed, by Envoy's own statistics of the mirror's cluster.

They hold whole milliseconds, which suffice where they are held against edges of whole milliseconds,
and take a failed gRPC call for a success: what they miss of a version its first share shows.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from cluster.names import object_name
from cluster.slots import MOST
from components import gateway
from components.arms import predictor_of
from components.judge import Sample
from components.metrics import Alerting, Metered, Reading
from components.metrics.queries import ENVOY, Queries, Series
from components.platform.scraped import PrometheusMetrics

EDGES_MS = tuple(edge // gateway.PER_MS for edge in gateway.EDGES_US if edge % gateway.PER_MS == 0)
"""Those edges of every gateway's histogram that are whole milliseconds."""
_NAMES = tuple(gateway.milliseconds(str(edge), 1) for edge in EDGES_MS)
STATISTICS = (
    r"cluster\.httproute/.*-mirror-[0-9]+\.upstream_rq_"
    r"(completed|[1-5]xx|total|time|pending_failure_eject)"
)
"""What is kept of a mirror's cluster beside what is of all (`components.envoy`)."""


def buckets() -> dict[str, object]:
    """Of the statistics' settings: the histogram's edges, which only mirrors have."""
    return {"match": {"suffix": "upstream_rq_time"}, "buckets": list(EDGES_MS)}


def queries(namespace: str) -> Queries:
    """The counters of copies of one namespace's requests."""

    def backends(endpoint: str, _: str) -> tuple[str, ...]:
        route = f"httproute/{namespace}/{object_name(endpoint)}/rule"
        return tuple(f"{route}/{place}-mirror-0" for place in range(MOST))

    return replace(
        ENVOY,
        backends=backends,
        source=_source,
        edges=(*_NAMES, "+Inf"),
        uptime=Series(gateway.UPTIME_SERIES),
    )


def _source(labels: Mapping[str, str]) -> str:
    place = re.search(r"/rule/([0-9]+)-mirror-", labels[ENVOY.cluster])
    return f"{labels.get('instance', '')}/rule-{place[1] if place else ''}"


@dataclass(frozen=True)
class MirroredMetrics:
    """What users got of each version, and what copies showed of one that is asked them.

    Args:
        users: counts users' requests.
        copies: counts copies.
    """

    users: PrometheusMetrics
    copies: PrometheusMetrics

    @property
    def url(self) -> str:
        """The Prometheus that people may ask."""
        return self.users.url

    def sample(self, endpoint: str, versions: Sequence[str], max_age: float) -> Reading:
        """The newest raw counters; beside a shadow, with the edges that its histogram has.

        Raises:
            Unreachable: Prometheus did not answer.
        """
        shadows = [arm for arm in versions if predictor_of(arm) != arm]
        others = [arm for arm in versions if arm not in shadows]
        read = self.users.sample(endpoint, others, max_age)
        if not shadows:
            return read
        copied = self.copies.sample(endpoint, shadows, max_age).versions
        coarse = {
            arm: {source: found and _coarse(found) for source, found in sources.items()}
            for arm, sources in read.versions.items()
        }
        return replace(read, versions={**coarse, **copied})

    def alerts(self, names: Sequence[str], endpoint: str) -> Mapping[str, Alerting]:
        """Which of the named alerts fire now, of the endpoint or of none in particular.

        Raises:
            Unreachable: Prometheus did not answer.
        """
        return self.users.alerts(names, endpoint)

    def unfit(self) -> str:
        """Why what is counted of users is nothing to judge by; empty if it is, as far as known.

        Raises:
            Unreachable: Prometheus did not answer.
        """
        return self.users.unfit()

    def usage(self, endpoint: str, versions: Sequence[str], start: float, end: float) -> Metered:
        """What users asked of each arm in that time; copies are asked by nobody.

        Raises:
            Unreachable: Prometheus did not answer.
        """
        return self.users.usage(endpoint, versions, start, end)


def _coarse(found: Sample) -> Sample:
    """The sample with edges of whole milliseconds alone."""
    kept = {edge: found.buckets[edge] for edge in (*_NAMES, "+Inf") if edge in found.buckets}
    return msgspec.structs.replace(found, buckets=kept)

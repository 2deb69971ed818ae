"""PromQL of each kind of gateway: what the live sample and the range read both ask for."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from components import gateway

COUNTED, CAUSE = "counted", "cause"
"""Labels that `Queries.newest` puts on its answers."""


class Series(NamedTuple):
    """Time series of one name that meet some matchers."""

    name: str
    matchers: tuple[str, ...] = ()

    def select(self, *more: str, window: str = "") -> str:
        """A selector of these series; of their newest values of the last ``window``, if given."""
        chosen = f"{self.name}{{{','.join((*more, *self.matchers))}}}"
        return f"last_over_time({chosen}[{window}])" if window else chosen


_SCRAPED = Series("up", ('job="gateway"',))


class Counted(NamedTuple):
    """PromQL of what some backends counted, by replica of the gateway and backend."""

    requests: str
    failed: str
    latencies: str
    """A histogram by `le`."""


@dataclass(frozen=True)
class Queries:
    """What one kind of gateway counts, and where."""

    backends: Callable[[str, str], tuple[str, ...]]
    """The names of a version of an endpoint there; the first counts from its first request on, the
    others may never be asked."""
    cluster: str
    """The label that holds such a name."""
    requests: Series
    failed: tuple[Series, ...]
    """A series that is in any of these has failed."""
    latencies: Series
    per_ms: float
    """What an `le` of one millisecond is written as."""
    source: Callable[[Mapping[str, str]], str]
    """A source's name, from the labels `replica` and `cluster`."""
    edges: tuple[str, ...] = ()
    """The histogram's upper edges in ms, if they are ours: a version without requests has them."""
    replica: tuple[str, ...] = ("instance",)
    """The labels that tell the gateway's replicas apart."""
    scraped: Series = _SCRAPED
    """1 for each replica that answered the newest scrape, 0 for one that did not."""
    unattributed: Mapping[str, Series] = field(default_factory=dict)
    """What no version counted, by cause."""

    def counted(self, backends: Iterable[str], window: str = "") -> Counted:
        """What these backends counted so far: at one time, or last in ``window`` (as ``5s``)."""
        names = f"{self.cluster}=~{_any_of(backends)}"
        failed = " or ".join(series.select(names, window=window) for series in self.failed)
        by = ", ".join((*self.replica, self.cluster))
        return Counted(
            requests=f"sum by ({by}) ({self.requests.select(names, window=window)})",
            failed=f"sum by ({by}) ({failed})",
            latencies=f"sum by ({by}, le) ({self.latencies.select(names, window=window)})",
        )

    def newest(self, backends: Iterable[str], window: str) -> str:
        """All that is known of these backends in one query, which sees one state of the scrapes.

        The label `COUNTED` says what a value is: the name of a field of `Counted`, `scraped`, or
        `unattributed` for the reason in the label `CAUSE`.
        """
        by = ", ".join(self.replica)
        up = f"max by ({by}) (max_over_time({self.scraped.select()}[{window}]))"
        parts = {**self.counted(backends, window)._asdict(), "scraped": up}
        labelled = [_label(query, COUNTED, what) for what, query in parts.items()]
        for cause, series in self.unattributed.items():
            query = _label(f"sum({series.select(window=window)})", COUNTED, "unattributed")
            labelled.append(_label(query, CAUSE, cause))
        return " or ".join(labelled)


def _label(query: str, label: str, value: str) -> str:
    return f'label_replace({query}, "{label}", "{value}", "", "")'


def _any_of(names: Iterable[str]) -> str:
    """A quoted regex of these names, which are literal."""
    literal = (re.sub(r"[\\.+*?()|\[\]{}^$]", r"\\\g<0>", name) for name in names)
    return json.dumps("|".join(literal), ensure_ascii=False)


def _joined(*labels: str) -> Callable[[Mapping[str, str]], str]:
    return lambda found: "/".join(found.get(label, "") for label in labels)


SLUICE = Queries(
    backends=gateway.users_backends,
    cluster=gateway.CLUSTER,
    requests=Series(gateway.REQUESTS_SERIES),
    failed=tuple(Series(gateway.REQUESTS_SERIES, (failed,)) for failed in gateway.FAILED),
    latencies=Series(gateway.LATENCY_SERIES),
    per_ms=gateway.PER_MS,
    source=_joined("instance", gateway.CLUSTER),
    edges=(*map(gateway.milliseconds, map(str, gateway.EDGES_US)), "+Inf"),
    unattributed={
        "rate_limited": Series(gateway.RATE_LIMITED_SERIES),
        "no_backend": Series(gateway.REQUESTS_SERIES, (gateway.NO_BACKEND,)),
    },
)
"""A gateway that counts as `components.gateway` says."""

_CLUSTER = "envoy_cluster_name"
ENVOY = Queries(
    backends=lambda endpoint, version: (gateway.backend(endpoint, version),),
    cluster=_CLUSTER,
    requests=Series("envoy_cluster_upstream_rq_total"),
    failed=(
        Series(
            "envoy_cluster_upstream_rq_xx",
            (f'envoy_response_code_class="{gateway.FAILED_CLASS}"',),
        ),
    ),
    latencies=Series("envoy_cluster_upstream_rq_time_bucket"),
    per_ms=1,
    source=_joined("instance"),
)
"""Any Envoy's own cluster statistics, where clusters are named as `gateway.backend` does."""

STYLES: Mapping[str, Queries] = {"sluice": SLUICE, "envoy": ENVOY}
"""By the name that `sluice judge --query-style` takes."""

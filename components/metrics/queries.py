"""PromQL of each kind of gateway: what the live sample and the range read both ask for.

Counts are added up over the labels that break them into parts (status, flags), and over nothing
else: series that differ in any other label are copies of one target, or other targets.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from components import gateway
from components.judge import Sample

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
TARGET = ("job", "instance")
"""The labels that Prometheus gives to all series of one target."""


def newest_scrape(up: Series) -> str:
    """PromQL of when each target was scraped last, to be compared with its series' times."""
    target = ", ".join(TARGET)
    # A target whose labels have changed of late has two series of `up`: the newest one holds.
    return f"on ({target}) group_left () max by ({target}) (timestamp({up.select()}))"


class Always(NamedTuple):
    """A label that is on these series, unless Prometheus drops it."""

    label: str
    of: Series
    tells: str
    """What nobody can tell without it."""


class Counted(NamedTuple):
    """PromQL of what some backends counted; empty where the gateway does not tell."""

    requests: str
    failed: str
    refused: str
    unanswered: str
    latencies: str
    """A histogram by `le`."""


def exactly(counts: Mapping[str, float], buckets: Mapping[str, float]) -> Sample:
    """The sample of a gateway whose counts are by the classes of `components.gateway`."""
    return Sample(
        requests=counts.get("requests", 0.0),
        errors=counts.get("failed", 0.0),
        buckets=dict(buckets),
        refused=counts.get("refused", 0.0),
        unanswered=counts.get("unanswered", 0.0),
    )


def _of_all(counts: Mapping[str, float], buckets: Mapping[str, float]) -> Sample:
    """The sample of a gateway that counts all answers together, and unanswered requests apart."""
    refused, unanswered = counts.get("refused", 0.0), max(counts.get("unanswered", 0.0), 0.0)
    return Sample(
        requests=max(counts.get("requests", 0.0) - refused, 0.0) + unanswered,
        errors=counts.get("failed", 0.0) + unanswered,
        buckets=dict(buckets),
        refused=refused,
        unanswered=unanswered,
    )


@dataclass(frozen=True)
class Queries:
    """What one kind of gateway counts, and where."""

    backends: Callable[[str, str], tuple[str, ...]]
    """The names of a version of an endpoint there; the first counts from its first request on, the
    others may never be asked."""
    cluster: str
    """The label that holds such a name."""
    parts: tuple[str, ...]
    """The labels that break one count into parts."""
    requests: Series
    failed: tuple[Series, ...]
    """A series that is in any of these has failed."""
    refused: tuple[Series, ...]
    """Likewise: the client's fault."""
    latencies: Series
    per_ms: float
    """What an `le` of one millisecond is written as."""
    source: Callable[[Mapping[str, str]], str]
    """A source's name, from the labels `replica` and `cluster`."""
    unanswered: tuple[Series, ...] = ()
    """Likewise: no answer came."""
    attempts: tuple[tuple[str, str], ...] = ()
    """Instead of `unanswered`: counters, each with its sign, that add up to it."""
    sample: Callable[[Mapping[str, float], Mapping[str, float]], Sample] = exactly
    """Counts by the fields of `Counted`, and buckets, as a sample."""
    edges: tuple[str, ...] = ()
    """The histogram's upper edges in ms, if they are ours: a version without requests has them."""
    replica: tuple[str, ...] = ("instance",)
    """The labels that tell the gateway's replicas apart."""
    scraped: Series = _SCRAPED
    """1 for each replica that answered the newest scrape, 0 for one that did not."""
    uptime: Series | None = None
    """Seconds since a replica's process began."""
    overflow: Series | None = None
    """Requests that the gateway refused by itself, as too many were under way."""
    retries: Series | None = None
    """Requests that were sent once more, by the backend under `gateway.RETRIES_CLUSTER`."""
    unattributed: Mapping[str, Series] = field(default_factory=dict)
    """What no version counted, by cause."""
    client: str = ""
    """The label, one of `parts`, that says who asked; empty: none does."""
    always: tuple[Always, ...] = ()
    """What is asked for by a label that cannot be empty there."""
    answered: Series | None = None
    """Requests each of which has a latency, if they can be told from the others."""
    predictors: tuple[str, ...] = ('job="predictor"',)
    """The matchers of what the predictors themselves count."""

    def counted(
        self, backends: Iterable[str], window: str = "", only: Callable[[str], str] = str
    ) -> Counted:
        """What these backends counted so far: at one time, or last in ``window`` (as ``5s``).

        ``only`` narrows a selector down.
        """
        names = self._named(backends)

        def total(*series: Series) -> str:
            chosen = (only(one.select(names, window=window)) for one in series)
            return f"sum without ({', '.join(self.parts)}) ({' or '.join(chosen)})"

        return Counted(
            requests=total(self.requests),
            failed=total(*self.failed),
            refused=total(*self.refused),
            unanswered=self._unanswered(total),
            latencies=total(self.latencies),
        )

    def _named(self, backends: Iterable[str]) -> str:
        return f"{self.cluster}=~{_any_of(backends)}"

    def _by_client(
        self, backends: Iterable[str], only: Callable[[str], str] = str
    ) -> dict[str, str]:
        """Requests, and those that failed, of each client."""
        apart = replace(self, parts=tuple(part for part in self.parts if part != self.client))
        counted = apart.counted(backends, only=only)
        return {"by_client": counted.requests, "failed_by_client": counted.failed}

    def _unanswered(self, total: Callable[..., str]) -> str:
        if self.attempts:
            return " ".join(f"{sign} {total(Series(name))}" for sign, name in self.attempts).strip()
        return total(*self.unanswered) if self.unanswered else ""

    def scraped_at(self, backends: Iterable[str]) -> str:
        """When each copy of what these backends counted was last read, in seconds of the epoch."""
        selector = self.requests.select(self._named(backends))
        return f"max without ({', '.join(self.parts)}) (timestamp({selector}))"

    def began(self) -> str:
        """When each replica's process began, in seconds since the epoch; empty if unknown."""
        if self.uptime is None:
            return ""
        # `timestamp` tells a sample's time of a bare selector alone, of all else the query's.
        up = self.uptime.select()
        return f"(timestamp({up}) - {up})"

    def scraped_now(self, selector: str, value: str = "") -> str:
        """PromQL of ``value``, or of the ``selector``, where the newest scrape showed the latter.

        What it did not show is of an earlier life of its process.
        """
        return f"({value or selector} and (timestamp({selector}) == {newest_scrape(self.scraped)}))"

    def newest(self, backends: Iterable[str], window: str) -> str:
        """All that is known of these backends in one query, of one scrape of each target.

        What the newest scrape of its target did not show is of an earlier life: it is left out. The
        label `COUNTED` says what a value is: the name of a field of `Counted`, `by_client`
        and `failed_by_client`, `overflowed`, `retried`, `began`, `scraped`, or
        `unattributed` for the reason in the label `CAUSE`.
        """
        names = list(backends)
        up, seconds = self.scraped.select(), window.removesuffix("s")
        scraped_now = self.scraped_now
        began = "" if self.uptime is None else scraped_now(self.uptime.select(), self.began())
        parts = {
            **self.counted(names, only=scraped_now)._asdict(),
            "began": began,
            "scraped": f"({scraped_now(up)} and timestamp({up}) >= time() - {seconds})",
        }
        if self.overflow is not None:
            chosen = scraped_now(self.overflow.select(self._named(names)))
            parts["overflowed"] = f"sum without ({', '.join(self.parts)}) ({chosen})"
        if self.client:
            parts |= self._by_client(names, scraped_now)
        if self.retries is not None:
            known = f"{gateway.RETRIES_CLUSTER}=~{_any_of(names)}"
            renamed = f'"{self.cluster}", "$1", "{gateway.RETRIES_CLUSTER}", "(.*)"'
            chosen = scraped_now(self.retries.select(known))
            parts["retried"] = (
                f"sum without ({gateway.RETRIES_CLUSTER}) (label_replace({chosen}, {renamed}))"
            )
        labelled = [_label(query, COUNTED, what) for what, query in parts.items() if query]
        for cause, series in self.unattributed.items():
            found = f"sum without ({', '.join(self.parts)}) ({scraped_now(series.select())})"
            query = _label(found, COUNTED, "unattributed")
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


def _requests(groups: Iterable[tuple[str, ...]]) -> tuple[Series, ...]:
    return tuple(Series(gateway.REQUESTS_SERIES, group) for group in groups)


_SUCCEEDED = f'{gateway.CODE}=~"2.."'
_OF_VERSION, _OF_CLIENT = f'{gateway.CLUSTER}=~".+"', f'{gateway.CLIENT}=~".+"'


def of_requests(label: str, tells: str, *matchers: str) -> Always:
    """A label that is on all requests which meet the matchers."""
    return Always(label, Series(gateway.REQUESTS_SERIES, matchers), tells)


SLUICE = Queries(
    backends=gateway.users_backends,
    cluster=gateway.CLUSTER,
    parts=(
        *(gateway.CODE, gateway.GRPC_STATUS, gateway.FLAGS, gateway.WHOLE),
        *(gateway.CLIENT, *gateway.MORE_PARTS),
    ),
    requests=Series(gateway.REQUESTS_SERIES, gateway.REQUEST),
    failed=_requests(gateway.FAILED),
    refused=_requests(gateway.CLIENTS_FAULT),
    unanswered=_requests(gateway.UNANSWERED),
    latencies=Series(gateway.LATENCY_SERIES),
    per_ms=gateway.PER_MS,
    source=_joined("instance", gateway.CLUSTER),
    edges=(*map(gateway.milliseconds, map(str, gateway.EDGES_US)), "+Inf"),
    uptime=Series(gateway.UPTIME_SERIES),
    overflow=Series(
        gateway.REQUESTS_SERIES, (f'{gateway.FLAGS}=~"(.*,)?{gateway.OVERFLOW}(,.*)?"',)
    ),
    retries=Series(gateway.RETRIES_SERIES),
    unattributed={
        "rate_limited": Series(gateway.RATE_LIMITED_SERIES),
        "no_backend": Series(gateway.REQUESTS_SERIES, (gateway.NO_BACKEND,)),
    },
    client=gateway.CLIENT,
    always=(
        of_requests(gateway.CODE, "which requests failed"),
        of_requests(gateway.FLAGS, "which answers were cut off"),
        of_requests(gateway.WHOLE, "which answers were whole"),
        # No REST answer has one, and no call that was cut off.
        of_requests(
            gateway.GRPC_STATUS,
            "which gRPC calls failed",
            *(_SUCCEEDED, gateway.OF_GRPC, f'{gateway.FLAGS}="-"'),
        ),
        # None where there was no version to ask; a client, only who asks through Sluice.
        of_requests(gateway.CLUSTER, "which version was asked", _SUCCEEDED, _OF_CLIENT),
        of_requests(gateway.CLIENT, "who asked", _SUCCEEDED, _OF_VERSION),
        Always("le", Series(gateway.LATENCY_SERIES), "how long answers took"),
    ),
    answered=Series(
        gateway.REQUESTS_SERIES,
        (_SUCCEEDED, _OF_VERSION, f'{gateway.WHOLE}="yes"', f'{gateway.GRPC_STATUS}=~"0?"'),
    ),
)
"""A gateway that counts as `components.gateway` says: this machine's, or an Envoy Gateway with the
same access loggers (`replica` and `backends` are then its own)."""

_CLUSTER = "envoy_cluster_name"
_CLASS = "envoy_response_code_class"
_UPSTREAM = "envoy_cluster_upstream_rq"
ENVOY = Queries(
    backends=lambda endpoint, version: (gateway.backend(endpoint, version),),
    cluster=_CLUSTER,
    parts=(_CLASS,),
    requests=Series(f"{_UPSTREAM}_completed"),
    failed=(Series(f"{_UPSTREAM}_xx", (f'{_CLASS}="{gateway.FAILED_CLASS}"',)),),
    refused=(Series(f"{_UPSTREAM}_xx", (f'{_CLASS}="4"',)),),
    latencies=Series(f"{_UPSTREAM}_time_bucket"),
    per_ms=1,
    source=_joined("instance"),
    # Each attempt was sent, or failed before; what was not sent again and is not open was answered,
    # or never will be.
    attempts=(
        ("", f"{_UPSTREAM}_total"),
        ("+", f"{_UPSTREAM}_pending_failure_eject"),
        ("+", f"{_UPSTREAM}_pending_overflow"),
        ("-", f"{_UPSTREAM}_retry"),
        ("-", f"{_UPSTREAM}_active"),
        ("-", f"{_UPSTREAM}_xx"),
    ),
    sample=_of_all,
)
"""Any Envoy's own cluster statistics, where clusters are named as `gateway.backend` does."""

STYLES: Mapping[str, Queries] = {"sluice": SLUICE, "envoy": ENVOY}
"""By the name that `sluice judge --query-style` takes."""

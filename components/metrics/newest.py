"""A Prometheus server's newest raw counters of a release."""

import math
from collections.abc import Iterable, Sequence

import httpx
import msgspec

from components.judge import Asked, Sample
from components.metrics.prometheus import (
    BORN_SLACK_S,
    MEMORY_S,
    Copy,
    Found,
    Key,
    Replica,
    ask,
    copy_of,
    key_of,
    of_numbers,
)
from components.metrics.queries import CAUSE, COUNTED, Queries
from components.metrics.reading import Reading


def sample(
    client: httpx.Client, queries: Queries, endpoint: str, versions: Sequence[str], max_age: float
) -> Reading:
    """The newest raw counters of each version, none older than ``max_age`` seconds.

    A version without a request yet has counters of zero, if the gateway was scraped and had
    nothing to say of it. A replica of the gateway that was not scraped makes its sources None, and
    so does a counter that is no number; a replica that Prometheus no longer lists has left, and so
    have they. `Sample.born` is in seconds since the epoch.

    Raises:
        Unreachable: the server did not answer, or not as Prometheus does.
    """
    window = f"{max(1, math.ceil(max_age))}s"
    names = [name for version in versions for name in queries.backends(endpoint, version)]
    newest = _Newest(queries)
    for found in ask(client, queries, "query", query=queries.newest(names, window)):
        newest.add(found)
    seen = set(newest.copies)
    replicas = newest.scraped or {("",) * len(queries.replica): False}
    if not all(replicas.values()):
        known = queries.counted(names, f"{MEMORY_S}s").requests
        seen |= {key_of(queries, found) for found in ask(client, queries, "query", query=known)}
    sources: dict[str, dict[str, Sample | None]] = {version: {} for version in versions}
    for version in versions:
        first, *others = queries.backends(endpoint, version)
        for replica, scraped in replicas.items():
            for name in (first, *(name for name in others if (replica, name) in seen)):
                labels = dict(zip(queries.replica, replica, strict=True)) | {queries.cluster: name}
                counters = newest.sample((replica, name)) if scraped else None
                sources[version][queries.source(labels)] = counters
    asked = {
        version: newest.clients([key for key in newest.copies if key[1] in of_version])
        for version in versions
        for of_version in [queries.backends(endpoint, version)]
    }
    refused = {
        version: newest.overflowed(queries.backends(endpoint, version)) for version in versions
    }
    return Reading(sources, newest.unattributed, asked, refused)


class _Copied:
    """What one copy of a source's series says at one time."""

    def __init__(self) -> None:
        self.counts: dict[str, float] = {}
        self.buckets: dict[str, float] = {}
        self.clients: dict[str, dict[str, float]] = {}

    def add(self, what: str, found: Found, value: float, client: str) -> None:
        """Take one value; one edge that is written in two ways is one edge."""
        if what in {"by_client", "failed_by_client"}:
            self.clients.setdefault(client, {})[what] = value
        elif what == "latencies":
            self.buckets[found.edge] = max(value, self.buckets.get(found.edge, 0.0))
        else:
            self.counts[what] = value


class _Newest:
    """An answer to `Queries.newest`, sorted out."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self.copies: dict[Key, dict[Copy, _Copied]] = {}
        self.scraped: dict[Replica, bool] = {}
        self._unattributed: dict[tuple[str, Key], dict[Copy, float]] = {}
        self._began: dict[Replica, float] = {}
        self._retried: dict[Key, float] = {}

    def add(self, found: Found) -> None:
        """Take one series of the answer."""
        what, key = found.labels.get(COUNTED, ""), key_of(self._queries, found)
        ((at, value),) = found.points
        if what == "scraped":
            self.scraped[key[0]] = self.scraped.get(key[0], False) or value == 1
        elif what == "unattributed":
            causes = self._unattributed.setdefault((found.labels.get(CAUSE, ""), key), {})
            causes[copy_of(self._queries, found)] = value
        elif what == "began":
            if 0 < value <= at + BORN_SLACK_S:
                self._began[key[0]] = max(value, self._began.get(key[0], value))
        elif what == "retried":
            self._retried[key] = max(value, self._retried.get(key, value))
        else:
            copies = self.copies.setdefault(key, {})
            copy = copies.setdefault(copy_of(self._queries, found), _Copied())
            copy.add(what, found, value, found.labels.get(self._queries.client, ""))

    @property
    def unattributed(self) -> dict[str, float]:
        """What no version counted, by cause, over all replicas."""
        total: dict[str, float] = {}
        for (cause, _), copies in self._unattributed.items():
            total[cause] = total.get(cause, 0.0) + copies[min(copies)]
        return total

    def sample(self, key: Key) -> Sample | None:
        """What a backend of a scraped replica counted; what has no series yet is zero."""
        copies = self.copies.get(key)
        one = copies[min(copies)] if copies else _Copied()
        zeros = dict.fromkeys(self._queries.edges, 0.0)
        read = self._queries.sample(one.counts, zeros | one.buckets)
        retried, born = self._retried.get(key, 0.0), self._began.get(key[0])
        return of_numbers(msgspec.structs.replace(read, retried=retried, born=born))

    def overflowed(self, backends: Sequence[str]) -> float:
        """What the gateway refused in these backends' place."""
        copies = [of[min(of)] for key, of in self.copies.items() if key[1] in backends]
        found = sum(one.counts.get("overflowed", 0.0) for one in copies)
        return found if math.isfinite(found) else 0.0

    def clients(self, keys: Iterable[Key]) -> dict[str, Asked]:
        """What each client asked of these backends; nothing where a counter is no number."""
        total: dict[str, Asked] = {}
        for key in keys:
            copies = self.copies[key]
            for client, of in copies[min(copies)].clients.items():
                known = total.get(client, Asked(0.0))
                requests, errors = of.get("by_client", 0.0), of.get("failed_by_client", 0.0)
                total[client] = Asked(known.requests + requests, known.errors + errors)
        finite = all(math.isfinite(of.requests + of.errors) for of in total.values())
        return total if finite else {}

"""The counters that users left, as a metrics server has them (`components.platform.Metrics`)."""

from collections.abc import Mapping, Sequence
from math import floor

from components.judge import Asked, Sample
from components.metrics import Alerting, Metered, Reading, Usage
from components.metrics.usage import Grown, Read, added_up, grown
from components.platform.memory.clock import ManualClock
from components.platform.memory.users import Counter, Users


class MemoryMetrics:
    """The counters as a metrics server has them, some of them old."""

    url = ""

    def __init__(self, clock: ManualClock, users: Users) -> None:
        self._clock = clock
        self._users = users
        self.said = ""
        """Why it is nothing to judge by."""
        self._unread: dict[str, tuple[float, dict[tuple[str, str], dict[str, Sample]]]] = {}
        self.rules: dict[str, set[str]] = {}
        """The endpoints for which each alert fires; empty of one: for none in particular."""

    def sample(self, endpoint: str, versions: Sequence[str], max_age: float) -> Reading:
        """The newest raw counters by version and source."""
        self._users.settle()
        read = {version: self._version(endpoint, version, max_age) for version in versions}
        whole = {c: float(floor(n)) for c, n in self._users.unattributed.get(endpoint, {}).items()}
        asked = {version: self._clients(endpoint, version) for version in versions}
        return Reading(read, whole, asked)

    def _clients(self, endpoint: str, version: str) -> dict[str, Asked]:
        """What each client asked of a version, through the proxies that are read."""
        total: dict[str, Asked] = {}
        for source, counter in self._users.counters.get((endpoint, version), {}).items():
            if source.partition("/")[0] in self._unread:
                continue
            for client, of in counter.clients.items():
                known = total.get(client, Asked(0.0))
                total[client] = Asked(known.requests + of.requests, known.errors + of.errors)
        return total

    def _version(self, endpoint: str, version: str, max_age: float) -> Mapping[str, Sample | None]:
        found: dict[str, Sample | None] = dict(self._users.read(endpoint, version))
        for source in found:
            since, last = self._unread.get(source.partition("/")[0], (None, {}))
            if since is None:
                continue
            old = self._clock.monotonic() - since > max_age
            kept = last.get((endpoint, version), {}).get(source, Counter().sample())
            found[source] = None if old else kept
        return found

    def unfit(self) -> str:
        """What a test says."""
        return self.said

    def usage(self, endpoint: str, versions: Sequence[str], start: float, end: float) -> Metered:
        """What each arm was asked; no predictor counts rows and seconds here."""
        self._users.settle()
        self._users.scrape()
        arms: dict[str, list[Grown]] = {version: [] for version in versions}
        for (name, arm, _), readings in self._users.scraped.items():
            if name == endpoint and arm in arms:
                before = [read for at, read in readings if at <= start]
                base = before[-1] if before else Read((0.0, 0.0, 0.0), readings[0][1].born)
                within = (read for at, read in readings if start < at <= end)
                arms[arm].append(grown(base, within, start))
        return Metered({arm: _usage(added_up(parts, 3)) for arm, parts in arms.items()})

    def alerts(self, names: Sequence[str], endpoint: str) -> dict[str, Alerting]:
        """Which of the named alerts fire now, of the endpoint or of none in particular."""
        fires = {name: bool({"", endpoint} & of) for name, of in self.rules.items()}
        said: dict[bool | None, Alerting] = {True: "firing", False: "quiet", None: "unknown"}
        return {name: said[fires.get(name)] for name in names}

    def lose(self, proxy: str, for_s: float | None) -> None:
        """Read no counters of a proxy for so many seconds; what was read last gets old."""
        self._users.settle()
        last = {key: self._users.read(*key) for key in self._users.counters}
        self._unread[proxy] = (self._clock.monotonic(), last)
        if for_s is not None:
            self._clock.after(for_s, lambda: self.find(proxy))

    def find(self, proxy: str) -> None:
        """Read the proxy's counters again."""
        self._unread.pop(proxy, None)


def _usage(grown: Grown) -> Usage:
    requests, failed, refused = grown.counts
    return Usage(requests, failed, refused, restarts=grown.restarts, unsure=grown.unsure)

"""Users as arithmetic, and the counters that they leave.

Nobody draws a random number. Between two changes the rates are constant, so each version's share of
the requests and of the errors is a product, whose fraction is carried on, and the quantiles of the
latencies are multiples of the golden ratio, which fill the interval from 0 to 1 evenly.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import erf, floor, inf, log, sqrt

import numpy as np
import numpy.typing as npt

from components.arms import predictor_of, shadow_of, version_of
from components.gateway import EDGES_US, PER_MS, milliseconds
from components.judge import Asked, Sample
from components.metrics.usage import Read
from components.platform.memory.clock import ManualClock
from components.platform.memory.proxies import Proxies, Route

EDGES_MS = tuple(edge / PER_MS for edge in EDGES_US)
EDGE_NAMES = (*(milliseconds(str(edge)) for edge in EDGES_US), "+Inf")

NO_ROUTE = "no_route"
"""The cause of a request that no version counted: the endpoint has no route."""
NO_PREDICTOR = "no_predictor"
"""Likewise: the version that was to answer has no pod."""

_GOLDEN = (sqrt(5) - 1) / 2
_CARRY = 1e-6
"""Sums of products that would be whole numbers miss them by less."""


@dataclass(frozen=True)
class Behaviour:
    """How a version answers."""

    error_rate: float = 0.001
    latency_ms: float = 20.0
    """The median of a lognormal distribution."""
    sigma: float = 0.5
    """Of the logarithm of the latency."""
    refused: float = 0.0
    """Share of requests that are refused as the client's fault."""
    given_up: float = 0.0
    """Share of the others that get no answer before their clients give up."""
    cold: float = 0.0
    """How much longer an arm takes that is never asked: its caches are cold."""
    load: float = 0.0
    """How much longer an arm takes for each request that a predictor of it is asked a second."""

    def at(self, per_second: float) -> "Behaviour":
        """How an arm answers that is asked so often."""
        slower = 1 + self.cold / (1 + per_second) + self.load * per_second
        return replace(self, latency_ms=self.latency_ms * slower, cold=0.0, load=0.0)


DOWN = Behaviour(error_rate=1.0, latency_ms=1.0, sigma=0.1)
"""How a gateway answers for a predictor that does not."""


@lru_cache(maxsize=256)
def _below(behaviour: Behaviour) -> npt.NDArray[np.float64]:
    """The share of answers below each edge."""
    width = behaviour.sigma * sqrt(2)
    return np.array([0.5 * (1 + erf(log(e / behaviour.latency_ms) / width)) for e in EDGES_MS])


@dataclass
class Counter:
    """What one source counted of one version; floats carry their fraction on."""

    born: float | None = None
    """When its process began, in seconds since the epoch."""
    asked: float = 0.0
    refused: float = 0.0
    unanswered: float = 0.0
    failed: float = 0.0
    """Answered with an error."""
    slots: npt.NDArray[np.int64] = field(
        default_factory=lambda: np.zeros(len(EDGES_MS) + 1, dtype=np.int64)
    )
    """Answers between two edges, the last one above all."""
    clients: dict[str, Asked] = field(default_factory=dict)
    """Requests and errors of each client."""

    def add(self, requests: float, behaviour: Behaviour) -> bool:
        """Count requests that meet that behaviour; whether at least one more of them failed."""
        asked, answered, before = _whole(self.asked), self.answered, self.errors
        self.asked += requests
        added = _whole(self.asked) - asked
        refused = added * behaviour.refused
        self.refused += refused
        self.unanswered += (added - refused) * behaviour.given_up
        self.failed += (added - refused) * (1 - behaviour.given_up) * behaviour.error_rate
        quantiles = (np.arange(answered, self.answered) + 0.5) * _GOLDEN % 1.0
        slots = np.searchsorted(_below(behaviour), quantiles, side="right")
        self.slots = self.slots + np.bincount(slots, minlength=len(self.slots))
        return self.errors > before

    def ask(self, client: str, requests: float, behaviour: Behaviour) -> bool:
        """`add` what this client asks."""
        asked, failed = self.requests, self.errors
        worse = self.add(requests, behaviour)
        before = self.clients.get(client, Asked(0.0))
        self.clients[client] = Asked(
            before.requests + self.requests - asked, before.errors + self.errors - failed
        )
        return worse

    @property
    def requests(self) -> int:
        """Those that were not refused."""
        return _whole(self.asked) - _whole(self.refused)

    @property
    def answered(self) -> int:
        """Requests whose latency is known."""
        return self.requests - _whole(self.unanswered)

    @property
    def errors(self) -> int:
        """Failed requests."""
        return min(_whole(self.failed), self.answered) + _whole(self.unanswered)

    @property
    def counts(self) -> tuple[float, float, float]:
        """Requests, those of them that failed, and the refused ones, as they are read."""
        refused = float(_whole(self.refused))
        return _whole(self.asked) - refused, float(self.errors), refused

    def sample(self) -> Sample:
        """The counters as they are read."""
        counts = self.slots.cumsum().astype(float).tolist()
        requests, errors, refused = self.counts
        return Sample(
            requests,
            errors,
            dict(zip(EDGE_NAMES, counts, strict=True)),
            refused=refused,
            unanswered=float(_whole(self.unanswered)),
            born=self.born,
        )


def _whole(count: float) -> int:
    return floor(count + _CARRY)


class Users:
    """Who asks, how versions answer, and what was counted.

    Args:
        clock: by which they ask.
        proxies: who split their requests.
        ready: whether the predictor of an endpoint's version answers.
        gone: whether there is nobody to ask: the gateway answers then, and no version counts that.
        count: how many predictors share an arm's requests.
    """

    def __init__(
        self,
        clock: ManualClock,
        proxies: Proxies,
        ready: Callable[[str, str], bool],
        gone: Callable[[str, str], bool],
        count: Callable[[str, str], int],
    ) -> None:
        self.behaviours: dict[tuple[str, str], Behaviour] = {}
        """By version, or by arm where an arm of it differs, and client, or "" for all the others;
        call `settle` before a change."""
        self.rates: dict[tuple[str, str, str], float] = {}
        """Requests per second by endpoint, protocol and client; call `settle` before a change."""
        self.counters: dict[tuple[str, str], dict[str, Counter]] = {}
        """By endpoint and version, then by source."""
        self.unattributed: dict[str, dict[str, float]] = {}
        """By endpoint, then by cause."""
        self.copied: float = inf
        """Requests per second that are copied, at most; call `settle` before a change."""
        self.scraped: dict[tuple[str, str, str], list[tuple[float, Read]]] = {}
        """Earlier readings by endpoint, arm and source, each with its time; see `scrape`."""
        self._clock = clock
        self._proxies = proxies
        self._ready = ready
        self._gone = gone
        self._share = count
        self._settled = clock.monotonic()
        self._began = dict.fromkeys(proxies.names, clock.time())

    def settle(self) -> None:
        """Count what was asked since the last time, by what has been true since then."""
        seconds = self._clock.monotonic() - self._settled
        self._settled = self._clock.monotonic()
        if seconds <= 0:
            return
        for (endpoint, protocol, client), per_second in self.rates.items():
            whole = sum(rate for (asked, *_), rate in self.rates.items() if asked == endpoint)
            requests = per_second * seconds / len(self._proxies.names)
            for proxy in self._proxies.names:
                route = self._proxies.taken(proxy, endpoint)
                if not route.weights:
                    self._nowhere(endpoint, requests, NO_ROUTE)
                for arm, share in self._shares(route, whole):
                    if due := requests * share:
                        source = f"{proxy}/{protocol}"
                        asked = whole * share / self._share(endpoint, arm)
                        self.count(endpoint, arm, source, due, client=client, per_second=asked)
        self.scrape()

    def _shares(self, route: Route, per_second: float) -> Iterator[tuple[str, float]]:
        """Each arm's part of the requests, 0 to 1; copies are besides."""
        yield from ((arm, share / 100) for arm, share in route.weights.items())
        if route.mirror and per_second:
            kept_up = self.copied / per_second
            yield shadow_of(route.mirror.version), min(route.mirror.percent / 100, kept_up)

    def count(
        self,
        endpoint: str,
        arm: str,
        source: str,
        requests: float,
        *,
        client: str,
        per_second: float = 0.0,
    ) -> bool:
        """Count a client's requests of an arm that is asked so often; whether one more failed."""
        if self._gone(endpoint, predictor_of(arm)):
            self._nowhere(endpoint, requests, NO_PREDICTOR)
            return True
        sources = self.counters.setdefault((endpoint, arm), {})
        counter = sources.setdefault(source, self._counter(source))
        if not self._ready(endpoint, predictor_of(arm)):
            return counter.ask(client, requests, DOWN)
        kept = ((arm, client), (arm, ""), (version_of(arm), ""))
        behaviour = next((self.behaviours[k] for k in kept if k in self.behaviours), Behaviour())
        return counter.ask(client, requests, behaviour.at(per_second))

    def _nowhere(self, endpoint: str, requests: float, cause: str) -> None:
        causes = self.unattributed.setdefault(endpoint, {})
        causes[cause] = causes.get(cause, 0.0) + requests

    def restart(self, proxy: str) -> None:
        """Let the counters of a proxy begin at zero again."""
        self.settle()
        self.scrape()
        self._began[proxy] = self._clock.time()
        for sources in self.counters.values():
            for source in sources:
                if source.startswith(f"{proxy}/"):
                    sources[source] = self._counter(source)

    def scrape(self) -> None:
        """Keep what every source has counted by now."""
        for key, sources in self.counters.items():
            for source, counter in sources.items():
                read = Read(counter.counts, counter.born)
                readings = self.scraped.setdefault((*key, source), [])
                readings.append((self._clock.time(), read))

    def _counter(self, source: str) -> Counter:
        return Counter(self._began.get(source.partition("/")[0]))

    def read(self, endpoint: str, version: str) -> dict[str, Sample]:
        """The counters of a version by source; every proxy has a source for REST."""
        names = [f"{proxy}/rest" for proxy in self._proxies.names]
        found = {source: self._counter(source) for source in names}
        found |= self.counters.get((endpoint, version), {})
        return {source: counter.sample() for source, counter in sorted(found.items())}

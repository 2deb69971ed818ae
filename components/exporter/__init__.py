"""The exporter: what is no counter of gateway or predictor, as series for Prometheus.

Releases, leases, versions and prices are read at scrape time through the platform's contract. What
is over is read once; what does not answer in time is told as it was known last, and that it is so.
"""

import threading
import time
from collections.abc import Callable, Iterable

from components.cost import prices
from components.cost.prices import Price
from components.exporter.gauges import Known, page
from components.exporter.sources import Endpoints, Leases, Records, Serving, Source
from components.platform import Platform

PATIENCE_S = 1.0
"""How long a scrape waits for a part of the platform, twice at most; Prometheus waits longer."""


class _Prices:
    """The prices, as they were found last."""

    def __init__(self, find: Callable[[], Iterable[Price]]) -> None:
        self._find = find
        self.known: Iterable[Price] = ()

    def read(self) -> None:
        """Find them again."""
        self.known = tuple(self._find())


def _newest() -> Iterable[Price]:
    return prices.load().newest()


class Exporter:
    """What a platform's scrapes get.

    Args:
        platform: the platform.
        find_prices: the newest price of each id.
        patience_s: how long one scrape waits for a part of the platform, twice at most.
    """

    def __init__(
        self,
        platform: Platform,
        find_prices: Callable[[], Iterable[Price]] = _newest,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._clock = platform.clock
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._records, self._endpoints = Records(platform), Endpoints(platform)
        self._leases, self._prices = Leases(platform), _Prices(find_prices)
        self._serving = Serving(platform, lambda: self._known().names)
        self._first = [
            Source("records", self._records.read),
            Source("endpoints", self._endpoints.read),
            Source("leases", self._leases.read),
            Source("prices", self._prices.read),
        ]
        # It is asked for the endpoints that the others know.
        self._then = [Source("serving", self._serving.read)]

    def page(self) -> bytes:
        """What one scrape gets, in Prometheus' text format."""
        with self._lock:
            for sources in (self._first, self._then):
                until = time.monotonic() + self._patience_s
                for source in sources:
                    source.begin()
                for source in sources:
                    source.wait(until - time.monotonic())
            return page(self._known())

    def _known(self) -> Known:
        return Known(
            now=self._clock.time(),
            endpoints=self._endpoints.known,
            served=self._serving.known,
            archive=self._records.known(),
            leases=self._leases.expire,
            prices=self._prices.known,
            damaged_leases=self._leases.damaged,
            damaged_endpoints=len(self._endpoints.damaged),
            up={source.name: source.is_fresh for source in (*self._first, *self._then)},
        )

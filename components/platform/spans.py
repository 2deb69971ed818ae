"""When predictors were there, in an object store: what is billed, whatever was asked of them.

Keys below the store's root, ``<span>`` for ``provisioned/<endpoint>/<arm>/<milliseconds>``:

``<span>/began``   the price's id and the number of replicas, as JSON
``<span>/seen``   when it was last known to be there, in seconds since the epoch
``<span>/ended``   when it was stopped, likewise; absent while it is there, and after a crash

Each kind of event writes an object of its own, and an end that is only supposed never replaces a
true one: so nobody who writes late undoes what another wrote.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count, groupby, pairwise
from typing import TYPE_CHECKING
from urllib.parse import unquote

from components.platform.object_store import fetch, key_of, listing, put, put_first
from components.platform.running import Span

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_ROOT = "provisioned"
_DIGITS = 15
"""Of the milliseconds in a name, so that names sort as times do."""

Predictor = tuple[str, str]
"""Endpoint and arm."""


@dataclass(frozen=True)
class _Written:
    """A span as it stands in the store."""

    path: str
    span: Span
    """Its end is the one that was written, if any."""
    seen: float

    @property
    def open(self) -> bool:
        return self.span.end is None


@dataclass(frozen=True)
class ObjectSpans:
    """Every span of every predictor of a platform. Times are in seconds since the epoch."""

    store: "ObjectStore"

    def begin(
        self, predictor: Predictor, price: str, at: float, replicas: int | None = None
    ) -> None:
        """A predictor is there from now on, at this price; one that was there goes on.

        Args:
            predictor: which.
            price: its price's id.
            at: seconds since the epoch.
            replicas: how many there are of it; None: one, or as many as there were.

        Raises:
            Unreachable: the store did not answer; `note` finds out later.
        """
        for old in self._open(predictor):
            if old.span.price == price and replicas in {None, old.span.replicas}:
                return
            self._end(old, at)
        folder = _folder(predictor)
        taken = {name.split("/")[3] for name in listing(self.store, f"{folder}/")}
        moments = (f"{moment:0{_DIGITS}d}" for moment in count(round(at * 1000)))
        place = f"{folder}/{next(each for each in moments if each not in taken)}"
        said = {"price": price, "replicas": 1 if replicas is None else replicas}
        put_first(self.store, f"{place}/began", json.dumps(said).encode())
        put(self.store, f"{place}/seen", str(at).encode())

    def end(self, predictor: Predictor, at: float) -> None:
        """The predictor was stopped.

        Raises:
            Unreachable: the store did not answer; `note` finds out later.
        """
        for old in self._open(predictor):
            self._end(old, at)

    def note(
        self,
        present: Iterable[tuple[Predictor, str]],
        at: float,
        replicas: Mapping[Predictor, int] = {},
    ) -> None:
        """Write down that these predictors, each with its price, are there, and no other.

        One whose beginning or end was not written has begun now, or ended when it was last seen.
        ``present`` is asked after the log was read: who began meanwhile has not ended.

        Args:
            present: who is there, each with its price.
            at: seconds since the epoch.
            replicas: how many there are of each; of whom it says nothing, one.

        Raises:
            Unreachable: the store did not answer.
        """
        known = list(self._open())
        prices = dict(present)
        for old in known:
            predictor = (old.span.endpoint, old.span.version)
            same = replicas.get(predictor, 1) == old.span.replicas
            if prices.get(predictor) == old.span.price and same:
                del prices[predictor]
                put(self.store, f"{old.path}/seen", str(at).encode())
            elif predictor not in prices:
                self._lost(old)
        for predictor, price in prices.items():
            self.begin(predictor, price, at, replicas.get(predictor, 1))

    def interrupted(self) -> None:
        """Nothing that was there is any more: each ended when it was last seen.

        Raises:
            Unreachable: the store did not answer.
        """
        for old in self._open():
            self._lost(old)

    def read(self, present: Collection[Predictor], endpoint: str = "") -> list[Span]:
        """Every span, oldest first; of one endpoint if it is given.

        A span without an end is that of a predictor that is ``present``; else it ended when it was
        last seen, or when the next one of the same predictor began.

        Raises:
            Unreachable: the store did not answer.
        """
        prefix = f"{_ROOT}/{key_of(endpoint)}/" if endpoint else f"{_ROOT}/"
        found = []
        written = self._read(prefix)
        for predictor, of in groupby(written, lambda w: (w.span.endpoint, w.span.version)):
            rows = list(of)
            for row, later in pairwise([*rows, None]):
                assert row is not None  # noqa: S101 (only the last one is)
                end = row.span.end
                if row.open and (later or predictor not in present):
                    end = row.seen
                if later and end is not None:
                    end = min(end, later.span.start)
                found.append(replace(row.span, end=end))
        return sorted(found, key=lambda span: (span.start, span.endpoint, span.version))

    def _open(self, predictor: Predictor | None = None) -> list[_Written]:
        prefix = f"{_folder(predictor)}/" if predictor else f"{_ROOT}/"
        return [each for each in self._read(prefix, only_open=True) if each.open]

    def _read(self, prefix: str, *, only_open: bool = False) -> list[_Written]:
        """What stands below the prefix, by predictor and then by time."""
        found = []
        for path, of in groupby(listing(self.store, prefix), lambda name: name.rpartition("/")[0]):
            kinds = {name.rpartition("/")[2] for name in of}
            _, endpoint, version, began = path.split("/")
            if "began" not in kinds or (only_open and "ended" in kinds):
                continue
            start = int(began) / 1000
            said = _said(fetch(self.store, f"{path}/began"))
            ended = self._time(f"{path}/ended") if "ended" in kinds else None
            seen = self._time(f"{path}/seen") if "seen" in kinds else None
            span = Span(unquote(endpoint), unquote(version), start, ended, *said)
            found.append(_Written(path, span, max(start, seen or start)))
        return found

    def _time(self, path: str) -> float | None:
        """The time in an object; None if it is damaged."""
        with suppress(ValueError):
            return float(fetch(self.store, path))
        return None

    def _end(self, old: _Written, at: float) -> None:
        put(self.store, f"{old.path}/ended", str(max(at, old.span.start)).encode())

    def _lost(self, old: _Written) -> None:
        """Its end is not known; who stopped it may be about to say."""
        put_first(self.store, f"{old.path}/ended", str(old.seen).encode())


def _folder(predictor: Predictor) -> str:
    endpoint, version = predictor
    return f"{_ROOT}/{key_of(endpoint)}/{key_of(version)}"


def _said(content: bytes) -> tuple[str, int]:
    """The price's id and the replicas; of a damaged object: no price, one replica."""
    try:
        said = json.loads(content)
        return str(said["price"]), int(said["replicas"])
    except (ValueError, KeyError, TypeError):
        return "", 1

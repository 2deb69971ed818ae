"""A Prometheus' answers, and what of them cannot be trusted to be there."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from components.errors import PlatformError, Unreachable
from components.metrics.prometheus import client_of

Labels = Mapping[str, str]
Points = tuple[tuple[float, float], ...]
"""Seconds since the epoch, and a value that may be NaN or infinite."""


@dataclass(frozen=True)
class Found:
    """One series."""

    labels: Labels
    points: Points


@dataclass(frozen=True)
class Span:
    """A time to look at, in seconds since the epoch, and what lies between two points of it."""

    start: float
    end: float
    step: float


@dataclass(frozen=True)
class Server:
    """A Prometheus."""

    client: httpx.Client

    def instant(self, query: str, at: float) -> list[Found]:
        """Every series of ``query`` at one time."""
        data = self._ask("query", query=query, time=f"{at:.3f}")
        if data["resultType"] == "scalar":
            return [Found({}, (_point(data["result"]),))]
        return [Found(one["metric"], (_point(one["value"]),)) for one in data["result"]]

    def over(self, query: str, span: Span) -> list[Found]:
        """Every series of ``query`` over a time."""
        asked = {"start": f"{span.start:.3f}", "end": f"{span.end:.3f}", "step": f"{span.step:g}"}
        data = self._ask("query_range", query=query, **asked)
        return [Found(one["metric"], tuple(map(_point, one["values"]))) for one in data["result"]]

    def values(self, selector: str, label: str, start: float, end: float) -> list[str]:
        """All values that a label of these series had in a time."""
        asked = {"match[]": selector, "start": f"{start:.3f}", "end": f"{end:.3f}"}
        found: list[str] = self._ask(f"label/{label}/values", **asked)
        return found

    def types(self) -> dict[str, str]:
        """The type of every metric that is scraped now, as who says it calls it."""
        told = self._ask("metadata")
        return {name: said[0]["type"] for name, said in told.items()}

    def scrape_interval_s(self) -> float:
        """The shortest interval in which something is scraped."""
        targets = self._ask("targets", state="active")["activeTargets"]
        return min((_seconds(target["scrapeInterval"]) for target in targets), default=15.0)

    def _ask(self, path: str, **parameters: str) -> Any:
        try:
            answer = self.client.get(f"/api/v1/{path}", params=parameters)
            body = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise Unreachable(
                f"Prometheus at {self.client.base_url} does not answer ({error or 'no answer'}):"
                " run 'sluice up'"
            ) from error
        if body.get("status") != "success":
            raise PlatformError(f"Prometheus refuses {parameters}: {body.get('error', body)}")
        return body["data"]


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def _seconds(duration: str) -> float:
    """A duration as Prometheus writes it: ``1s``, ``1m30s``."""
    total, digits, unit = 0.0, "", ""
    for character in [*duration, "0"]:
        if character.isdigit():
            if unit:
                total, digits, unit = total + int(digits) * _UNITS[unit], "", ""
            digits += character
        else:
            unit += character
    return total


def _point(pair: list[Any]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])


def is_finite(found: Found) -> bool:
    """Whether a series has a value that is a number."""
    return any(math.isfinite(value) for _, value in found.points)


@contextmanager
def connected(url: str, transport: httpx.BaseTransport | None = None) -> Iterator[Server]:
    """The Prometheus at ``url``, while the block runs."""
    with client_of(url, transport) as client:
        yield Server(client)

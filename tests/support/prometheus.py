"""A Prometheus that answers every query of a board, over a wire of its own."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import httpx

from dashboards.live.server import Server

NOW = 1_795_700_000.0
"""A Thursday in November 2026, in seconds since the epoch."""

_BY = re.compile(r"by \(([^)]*)\)")
_NAME = re.compile(r'(\w+)="([^"$]*)"')
LABELS = {"namespace": ("local",), "endpoint": ("a", "b"), "model_version": ("1", "2")}
EDGES = ("1000", "50000", "200000", "+Inf")

Values = Callable[[str], float | None]
"""By the query; None has no series."""


@dataclass
class Wire:
    """What was asked, and what is answered."""

    values: Values
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: LABELS)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def server(self) -> Server:
        """The Prometheus at the other end."""
        transport = httpx.MockTransport(self._answer)
        return Server(httpx.Client(base_url="http://prometheus", transport=transport))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v1/")
        asked = {name: values[0] for name, values in parse_qs(request.url.query.decode()).items()}
        self.asked.append((path, asked))
        return httpx.Response(200, json={"status": "success", "data": self._data(path, asked)})

    def _data(self, path: str, asked: Mapping[str, str]) -> object:
        if path == "targets":
            return {"activeTargets": [{"scrapeInterval": "1s"}, {"scrapeInterval": "1m30s"}]}
        if path.startswith("label/"):
            return list(self.labels[path.split("/")[1]])
        found = [] if (value := self.values(asked["query"])) is None else [value]
        if path == "query":
            at = float(asked["time"])
            series = [
                {"metric": labels, "value": [at, f"{number}"]}
                for number in found
                for labels in _series(asked["query"])
            ]
            return {"resultType": "vector", "result": series}
        step = max(1, round(float(asked["step"])))
        times = range(int(float(asked["start"])), int(float(asked["end"])) + 1, step)
        series = [
            {"metric": labels, "values": [[at, f"{number}"] for at in times]}
            for number in found
            for labels in _series(asked["query"])
        ]
        return {"resultType": "matrix", "result": series}


def _series(query: str) -> list[dict[str, str]]:
    """Series with the labels that the query groups by, or chooses."""
    grouped = _BY.search(query)
    if grouped is None:
        return [dict(_NAME.findall(query))]
    names = [name for name in grouped[1].split(", ") if name]
    base = {name: LABELS.get(name, (f"some-{name}",))[0] for name in names if name != "le"}
    if "le" not in names or "histogram_quantile" in query:
        return [base | ({"model_version": v} if "model_version" in base else {}) for v in "12"][
            : 1 + ("model_version" in base)
        ]
    return [base | {"le": edge} for edge in EDGES]

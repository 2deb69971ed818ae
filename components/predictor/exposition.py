"""The predictor's counters as Prometheus reads them.

`prometheus_client` builds every line anew, which takes milliseconds in which no request is read or
answered. Here the part of a line that never changes is built once. What it counts itself, of the
process and in KServe, it renders itself.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate

from components.exposition import head, labelled
from components.predictor.metrics import Histogram, Metrics


def render(metrics: Metrics) -> bytes:
    """The page that a scrape gets."""
    from prometheus_client import REGISTRY, generate_latest

    return "\n".join(_lines(metrics)).encode() + b"\n" + generate_latest(REGISTRY)


def _lines(metrics: Metrics) -> Iterator[str]:
    labels = labelled(metrics.labels)
    yield from head("inference_requests_total", "counter", "Finished requests by status.")
    for code, count in sorted(metrics.requests.items()):
        yield f'inference_requests_total{{{labels},code="{code}"}} {count}'
    yield from head(
        "inference_refused_total",
        "counter",
        "Requests shed at the door, expired, or cancelled by their client.",
    )
    for reason, count in sorted(metrics.refusals.items()):
        yield f'inference_refused_total{{{labels},reason="{reason}"}} {count}'
    for name, about, value in metrics.gauges():
        yield from head(name, "gauge", about)
        yield f"{name}{{{labels}}} {value}"
    for name, about, histogram in metrics.histograms():
        yield from head(name, "histogram", about)
        yield from _histogram(name, labels, histogram)


def _histogram(name: str, labels: str, histogram: Histogram) -> Iterator[str]:
    counts = list(accumulate(histogram.counts))
    for bucket, count in zip(_buckets(name, labels, histogram.edges), counts, strict=True):
        yield f"{bucket}{count}"
    yield f"{name}_count{{{labels}}} {counts[-1]}"
    yield f"{name}_sum{{{labels}}} {histogram.total}"


@lru_cache
def _buckets(name: str, labels: str, edges: tuple[float, ...]) -> list[str]:
    """Each bucket's line up to its count."""
    names = [*(repr(float(edge)) for edge in edges), "+Inf"]
    return [f'{name}_bucket{{{labels},le="{edge}"}} ' for edge in names]

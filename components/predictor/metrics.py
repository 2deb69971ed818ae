"""What the predictor tells Prometheus, counted in plain numbers; `exposition` renders them.

Counting costs a fraction of a microsecond, where `prometheus_client`'s own objects take several;
the scrape reads the scheduler itself, so a gauge is never older than the scrape.
"""

import math
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping

from components.gateway import ENDPOINT_LABEL, VERSION_LABEL
from components.predictor.scheduling.refusals import Cancelled, Expired, Overloaded
from components.predictor.scheduling.scheduler import Batch, Scheduler

_RATIO = 1.3**0.5
LATENCY_EDGES = tuple(round(0.001 * _RATIO**n, 9) for n in range(80))
"""Seconds; ratio √1.3 from 1 ms to 32 s, so that 1.3 times an edge is an edge. The gateway's edges,
by which the judge decides, are others: they lie on the borders of Envoy's own bins."""
_STAGE_EDGES = tuple(0.0001 * 2**n for n in range(18))
"""Seconds; coarse, since nothing is decided by them."""
_COUNT_EDGES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_SHARE_EDGES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


class Histogram:
    """Counts by upper edge, and their sum."""

    __slots__ = ("counts", "edges", "total")

    def __init__(self, edges: tuple[float, ...]) -> None:
        self.edges = edges
        self.counts = [0] * (len(edges) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.edges, value)] += 1
        self.total += value


class Metrics:
    """All counters of one predictor; implements the engine's `Observer`."""

    def __init__(self, endpoint: str, version: str) -> None:
        self.labels = {ENDPOINT_LABEL: endpoint, VERSION_LABEL: version}
        self.in_flight = 0
        self.asked = -math.inf
        """When the newest inference request came in, by the monotonic clock."""
        self.requests: Counter[int] = Counter()
        """Finished inference requests by HTTP status; gRPC's codes by their HTTP counterpart."""
        self.latency = Histogram(LATENCY_EDGES)
        self._queued = Histogram(_STAGE_EDGES)
        self._preparing = Histogram(_STAGE_EDGES)
        self._running = Histogram(_STAGE_EDGES)
        self._batch = Histogram(_COUNT_EDGES)
        self._waste = Histogram(_SHARE_EDGES)
        self.refusals: Counter[str] = Counter({"shed": 0, "expired": 0, "cancelled": 0})
        self._scheduler: Scheduler | None = None
        self._calibration: dict[str, float] = {}

    def watch(self, scheduler: Scheduler, calibration: Mapping[str, float]) -> None:
        """Read gauges from ``scheduler`` from now on, and show what calibration chose."""
        self._scheduler = scheduler
        self._calibration = dict(calibration)

    def began(self) -> float:
        """An inference request came in; returns the time for `finished`."""
        self.in_flight += 1
        self.asked = time.monotonic()
        return self.asked

    def withdrawn(self) -> None:
        """What `began` announced is counted by somebody else."""
        self.in_flight -= 1

    def finished(self, status: int, began: float) -> None:
        """An inference request was answered with ``status`` (499: its client went away)."""
        self.in_flight -= 1
        self.requests[status] += 1
        self.latency.observe(time.monotonic() - began)

    def prepared(self, seconds: float) -> None:
        """Rows of one request were prepared, for example tokenised."""
        self._preparing.observe(seconds)

    def batch_ran(self, batch: Batch, seconds: float) -> None:
        """A batch ran to answers in ``seconds``."""
        self._running.observe(seconds)
        entries = batch.entries
        self._batch.observe(len(entries))
        for ticket, index in entries:
            if index == 0:
                self._queued.observe(ticket.taken - ticket.arrived)
        if len(entries) == 1:
            self._waste.observe(0.0)
        else:
            sizes = [ticket.rows[index].size for ticket, index in entries]
            self._waste.observe(1 - sum(sizes) / (max(sizes) * len(sizes)))

    def refused(self, error: Exception) -> None:
        """A request was refused, expired or was cancelled."""
        if isinstance(error, Overloaded):
            self.refusals["shed"] += 1
        elif isinstance(error, Expired):
            self.refusals["expired"] += 1
        elif isinstance(error, Cancelled):
            self.refusals["cancelled"] += 1

    def gauges(self) -> Iterator[tuple[str, str, float]]:
        """Name, help and value of what stands now."""
        yield (
            "inference_in_flight",
            "Inference requests that were not answered yet.",
            self.in_flight,
        )
        scheduler = self._scheduler
        if scheduler is None:
            return
        depth, tokens = scheduler.waiting_requests, scheduler.waiting_tokens
        yield "inference_queue_depth", "Requests that wait for an executor.", depth
        yield "inference_queue_tokens", "Tokens that wait for an executor.", tokens
        yield "inference_executors_busy", "Batches that run now.", scheduler.running
        for name, value in self._calibration.items():
            yield f"inference_calibration_{name}", "What calibration chose or measured.", value

    def histograms(self) -> Iterator[tuple[str, str, Histogram]]:
        """Name, help and counts of each histogram."""
        yield "inference_latency_seconds", "Request received to answer ready.", self.latency
        yield "inference_queue_seconds", "Request queued to first row taken.", self._queued
        yield "inference_prepare_seconds", "Time in the tokenizer per request.", self._preparing
        yield "inference_model_seconds", "Time in the model per batch.", self._running
        yield "inference_batch_size", "Rows per batch.", self._batch
        yield "inference_padding_waste", "Share of a batch that is padding.", self._waste

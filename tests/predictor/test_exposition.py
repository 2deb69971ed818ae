import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from components.endpoint import Batching
from components.predictor.exposition import render
from components.predictor.metrics import LATENCY_EDGES, Metrics
from components.predictor.model import Row
from components.predictor.scheduling.calibration import Plan
from components.predictor.scheduling.refusals import Overloaded
from components.predictor.scheduling.scheduler import Limits, Scheduler

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"


def page(metrics: Metrics) -> dict[str, tuple[str, dict[tuple[str, ...], float]]]:
    """Each family's type and samples by name and labels, as a Prometheus library reads them."""
    return {
        family.name: (
            family.type,
            {
                (s.name, *(f"{k}={v}" for k, v in sorted(s.labels.items()))): s.value
                for s in family.samples
            },
        )
        for family in text_string_to_metric_families(render(metrics).decode())
    }


def test_counters_and_gauges_are_read_as_they_stand() -> None:
    metrics = Metrics("m", "3")
    scheduler = Scheduler(Limits())
    scheduler.submit([Row("a text", 7)], 0, 1)
    metrics.watch(scheduler, {"executors": 2})
    metrics.finished(200, metrics.began())
    metrics.refused(Overloaded("full", 1))
    found = page(metrics)
    own = ("endpoint=m", "model_version=3")
    assert found["inference_requests"] == (
        "counter",
        {("inference_requests_total", "code=200", *own): 1},
    )
    assert found["inference_refused"][1] == {
        ("inference_refused_total", "endpoint=m", "model_version=3", f"reason={reason}"): count
        for reason, count in (("shed", 1), ("expired", 0), ("cancelled", 0))
    }
    for name, value in (("in_flight", 0), ("queue_depth", 1), ("queue_tokens", 7)):
        key = (f"inference_{name}", *own)
        assert found[f"inference_{name}"] == ("gauge", {key: value})
    assert found["inference_calibration_executors"][1].popitem()[1] == 2


def test_a_histogram_has_every_edge_and_adds_up() -> None:
    metrics = Metrics("m", "3")
    for seconds in (0.0005, 0.02, 1000):
        metrics.latency.observe(seconds)
    kind, samples = page(metrics)["inference_latency_seconds"]
    buckets = {
        float(key[2].removeprefix("le=")): value
        for key, value in samples.items()
        if key[0].endswith("_bucket")
    }
    assert kind == "histogram"
    assert sorted(buckets) == [*LATENCY_EDGES, float("inf")]
    assert [buckets[LATENCY_EDGES[0]], buckets[LATENCY_EDGES[-1]], buckets[float("inf")]] == [
        1,
        2,
        3,
    ]
    assert samples["inference_latency_seconds_count", "endpoint=m", "model_version=3"] == 3
    assert samples["inference_latency_seconds_sum", "endpoint=m", "model_version=3"] == 1000.0205


def test_names_of_any_characters_are_read_back() -> None:
    name = 'a "model"\\with\nall'
    _, samples = page(Metrics(name, "1"))["inference_in_flight"]
    assert list(samples) == [("inference_in_flight", f"endpoint={name}", "model_version=1")]


def test_the_page_for_operators_names_every_metric_with_its_type_and_labels() -> None:
    metrics = Metrics("m", "1")
    drift: dict[Batching, float] = {"alone": 0.0, "equal-length": 0.0, "padded": 0.0}
    plan = Plan(2, 1, 1, "alone", batch_rows=1, batch_tokens=1, drift=drift)
    metrics.watch(Scheduler(Limits()), plan.figures)
    metrics.finished(200, metrics.began())
    rows = re.findall(r"^\| `(inference_\w+)` \| (\w+) \| ([^|]*)\|", DOCUMENT.read_text(), re.M)
    documented = {
        (name.removesuffix("_total"), kind, *re.findall(r"`(\w+)`", labels))
        for name, kind, labels in rows
    }
    exported = set()
    for name, (kind, samples) in page(metrics).items():
        if name.startswith("inference_"):
            told = {label.partition("=")[0] for key in samples for label in key[1:]}
            exported.add((name, kind, *(told - {"endpoint", "model_version", "le"})))
    assert documented == exported


def test_the_process_itself_is_on_the_page() -> None:
    assert page(Metrics("m", "1"))["process_cpu_seconds"][0] == "counter"

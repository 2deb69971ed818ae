"""What calibration chooses, by models whose nature is known. No test looks at a speed."""

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from components.endpoint import Execution, Queue, Serving
from components.predictor import open_model
from components.predictor.arguments import arguments, parse
from components.predictor.model import Row
from components.predictor.scheduling.calibration import TOLERANCE, calibrate
from components.predictor.scheduling.cores import available_cores
from tests.support.bundles import write_bundle


def test_a_graph_whose_answers_depend_on_the_batch_runs_rows_alone(tmp_path: Path) -> None:
    model = open_model(write_bundle(tmp_path, quantised=True), "text-classifier")
    plan = calibrate(model, Execution())
    assert plan.batching == "alone"
    assert plan.batch_rows == 1
    assert plan.figures["drift_padded"] > TOLERANCE
    assert plan.figures["drift_equal_length"] > TOLERANCE


def test_a_graph_whose_answers_do_not_may_batch_what_it_likes(tmp_path: Path) -> None:
    model = open_model(write_bundle(tmp_path), "text-classifier")
    plan = calibrate(model, Execution(batch_tokens=64))
    assert plan.batching == "padded"
    assert plan.batch_tokens == 64
    assert plan.figures["drift_padded"] <= TOLERANCE


def test_a_slow_graph_is_judged_by_fewer_rows_but_judged(tmp_path: Path) -> None:
    model = open_model(write_bundle(tmp_path, quantised=True, work=4), "text-classifier")
    assert calibrate(model, Execution()).batching == "alone"


def test_what_the_endpoints_file_sets_is_not_chosen(tmp_path: Path) -> None:
    model = open_model(write_bundle(tmp_path), "text-classifier")
    given = Execution(executors=3, threads=2, batching="equal-length", batch_tokens=100)
    plan = calibrate(model, given, cores=4)
    assert (plan.executors, plan.threads) == (3, 2)
    assert (plan.batching, plan.batch_tokens) == ("equal-length", 100)


def test_batching_that_changes_answers_is_never_silent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = open_model(write_bundle(tmp_path, quantised=True), "text-classifier")
    with caplog.at_level(logging.WARNING):
        plan = calibrate(model, Execution(batching="padded", batch_tokens=64))
    assert plan.batching == "padded"
    assert "changes answers" in caplog.text


class Keyed:
    """A model of which only the lengths matter: rows of one length do not disturb each other."""

    inputs = outputs = ()
    default_outputs = 0
    threaded = True

    def __init__(self) -> None:
        self.concurrency = 0
        self.most = 0
        self._lock = threading.Lock()

    def samples(self) -> list[Any]:
        return [1, 2, 2, 5, 5, 9]

    def prepare(self, raw: Sequence[Any]) -> list[Row]:
        return [Row(size, size) for size in raw]

    def use_threads(self, shared: int, alone: int) -> None:
        """Nothing."""

    def difference(self, one: Any, other: Any) -> float:
        return float(abs(one - other))

    def run(self, rows: Sequence[Row], alone: bool) -> list[Any]:
        with self._lock:
            self.concurrency += 1
            self.most = max(self.most, self.concurrency)
        try:
            return [max(row.size for row in rows)] * len(rows)
        finally:
            with self._lock:
                self.concurrency -= 1


def test_rows_of_equal_length_share_batches_when_only_padding_changes_answers() -> None:
    plan = calibrate(Keyed(), Execution(batch_tokens=20), cores=2)  # type: ignore[arg-type]  # all that calibration asks of a model
    assert plan.batching == "equal-length"
    assert plan.figures["drift_equal_length"] == 0
    assert plan.figures["drift_padded"] > 0


def test_equality_that_could_not_be_tried_is_not_taken_for_granted() -> None:
    class Lonely(Keyed):
        def samples(self) -> list[Any]:
            return [1, 5, 9]

    plan = calibrate(Lonely(), Execution(), cores=1)  # type: ignore[arg-type]  # see above
    assert plan.batching == "alone"


def test_ways_are_measured_there_and_back_so_that_fewer_sessions_are_opened() -> None:
    class Threaded(Keyed):
        def __init__(self) -> None:
            super().__init__()
            self.asked: list[int] = []

        def use_threads(self, shared: int, alone: int) -> None:
            self.asked.append(shared)

    model = Threaded()
    calibrate(model, Execution(batching="alone"), cores=2)  # type: ignore[arg-type]  # see above
    assert model.asked[1:5] == [1, 2, 2, 1]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 4),
        ({"cpu.max": "max 100000"}, 4),
        ({"cpu.max": "250000 100000"}, 2),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 4),
    ],
)
def test_cores_are_those_of_the_cgroup(
    tmp_path: Path, files: dict[str, str], expected: int
) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content + "\n", encoding="ascii")
    assert available_cores(tmp_path, affinity=4) == expected


def test_cores_are_at_most_those_of_the_affinity(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("800000 100000\n", encoding="ascii")
    assert available_cores(tmp_path, affinity=2) == 2


def test_what_an_endpoints_file_says_reaches_the_predictor() -> None:
    serving = Serving(
        runtime="mlflow",
        queue=Queue(requests=7, tokens=99, deadline="2s"),
        execution=Execution(executors=3, batching="equal-length", batch_tokens=64),
        allow_pickle=True,
    )
    fixed = ["--bundle=b", "--model-name=m", "--model-version=7"]
    settings = parse([*fixed, *arguments(serving)])
    assert settings.runtime == "mlflow"
    assert (settings.queue_requests, settings.queue_tokens, settings.deadline) == (7, 99, 2.0)
    assert settings.execution == serving.execution
    assert settings.allow_pickle
    assert parse([*fixed, *arguments(Serving(runtime="mlflow"))]).execution == Execution()

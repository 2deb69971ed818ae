"""Runs of the benchmark as points of rate and latency."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.cost import measured
from components.errors import InputError

RUNS = Path(__file__).parents[2] / "benchmarks" / "predictor" / "runs"


def closed(per_second: float, p95: float) -> dict[str, Any]:
    return {"per_second": per_second, "p95": p95, "cpu_ms": 6.0}


def opened(goodput: float, p95: float | None) -> dict[str, Any]:
    return {"goodput": goodput, "every": {"p95_of_sent": p95}}


def written(folder: Path, name: str = "2026-11-25.json") -> Path:
    rounds = [
        {"Sluice": {"closed": {"typical": {"1": closed(rate, 5.0), "8": closed(300.0, p95)}}}}
        for rate, p95 in ((90.0, 20.0), (100.0, 30.0), (140.0, 400.0))
    ]
    loads = {"50": opened(80.0, 9.0), "120": opened(200.0, None)}
    said = {
        "machine": {"cores": 2, "processor": "any"},
        "rounds": rounds,
        "open_rounds": [{"Sluice": {"open": {"typical": loads}}}],
    }
    path = folder / name
    path.write_text(json.dumps(said))
    return path


def test_points_are_medians_by_rising_rate_without_loads_that_were_shed(tmp_path: Path) -> None:
    run = measured.load(written(tmp_path))
    assert [(point.how, point.per_second, point.p95_ms) for point in run.points] == [
        ("80 a second, at random", 80.0, 9.0),
        ("1 connection", 100.0, 5.0),
        ("8 connections", 300.0, 30.0),
    ]
    assert run.points[-1].per_1000(0.108) == pytest.approx(0.0001)


def test_capacity_is_the_highest_rate_within_the_limit(tmp_path: Path) -> None:
    run = measured.load(written(tmp_path))
    rates = [(found := run.capacity(limit)) and found.per_second for limit in (1, 9, 200)]
    assert rates == [None, 100.0, 300.0]


def test_the_newest_run_is_found_by_its_date(tmp_path: Path) -> None:
    assert measured.newest(tmp_path) is None
    for name in ("2026-11-24.json", "2026-11-25-soak.json", "2026-11-25.json"):
        written(tmp_path, name)
    assert measured.newest(tmp_path) == tmp_path / "2026-11-25.json"


def test_every_run_that_is_committed_is_read() -> None:
    newest = measured.newest(RUNS)
    assert newest is not None
    assert len(measured.load(newest).points) >= 3


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"rounds": [1], "open_rounds": []}'])
def test_what_is_no_run_is_one_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "2026-11-25.json"
    path.write_text(content)
    with pytest.raises(InputError, match="no run of benchmarks") as refused:
        measured.load(path)
    assert "\n" not in str(refused.value)

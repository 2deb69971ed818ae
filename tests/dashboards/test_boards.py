"""The boards: what is committed, how they hang together, what the linter holds them to."""

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components import endpoint
from components.errors import InputError
from components.exporter.families import FAMILIES
from components.predictor.exposition import render
from components.predictor.metrics import Metrics
from dashboards import boards, lint, rules, vocabulary
from dashboards.rules import slo

ROOT = Path(__file__).parents[2]
ALL = {name: boards.load(name) for name in boards.NAMES}
GROUPS = [
    *rules.groups(),
    *slo.objectives(endpoint.load(ROOT / "endpoints" / "banking77.yaml"), "local"),
]
KNOWN = vocabulary.known(GROUPS)


@pytest.mark.parametrize("name", boards.NAMES)
def test_the_board_that_is_committed_is_the_one_that_is_made(name: str) -> None:
    assert boards.file(name).read_text(encoding="utf-8") == boards.text(name), (
        "run python -m dashboards"
    )


def test_every_file_is_a_board_s() -> None:
    assert {path.stem for path in boards.FOLDER.glob("*.json")} == set(boards.NAMES)


def test_a_board_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(InputError, match="choose fleet, endpoint, release, cost, drift"):
        boards.load("flet")


def test_the_linter_finds_nothing() -> None:
    assert lint.board_faults(ALL, KNOWN) == []
    assert lint.rule_faults(GROUPS, KNOWN) == []


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def test_links_lead_from_the_fleet_to_the_endpoint_the_release_and_mlflow() -> None:
    found = {
        name: set(re.findall(r'"url": "([^"]*)"', json.dumps(board))) for name, board in ALL.items()
    }
    fleet, versions = found["fleet"], found["endpoint"]
    assert any("/d/sluice-endpoint?var-endpoint=${__data.fields.Endpoint}" in url for url in fleet)
    assert any("/d/sluice-release?var-endpoint=${__data.fields.Endpoint}" in url for url in fleet)
    assert any(url.startswith("/d/sluice-release?var-endpoint=${endpoint}") for url in versions)
    mlflow = "${mlflow}/#/models/${__data.fields.Model}/versions/${__data.fields.MLflow}"
    assert {mlflow} <= versions & found["release"]
    inside = {url for urls in found.values() for url in urls if url.startswith("/d/")}
    known = {board["uid"] for board in ALL.values()}
    assert {url.removeprefix("/d/").partition("?")[0] for url in inside} <= known
    assert all("${__url_time_range}" in url for url in inside)


def test_releases_are_marked_on_every_board() -> None:
    for board in ALL.values():
        names = [mark["name"] for mark in board["annotations"]["list"]]
        assert names == ["Release began", "Release ended"]


def test_what_the_predictor_and_the_exporter_say_is_what_boards_may_read() -> None:
    said = render(Metrics("model", "1")).decode()
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", said, re.MULTILINE))
    # The process's own and the scheduler's are there once a model is.
    for name, kind in vocabulary.SCRAPED["predictor"].items():
        assert kinds.get(name, kind) == kind
    assert sum(name in kinds for name in vocabulary.SCRAPED["predictor"]) > 8
    told = {family.name: family.kind for family in FAMILIES}
    assert vocabulary.SCRAPED["sluice"].items() <= told.items()


Spoil = Callable[[dict[str, Any]], object]


def first(board: dict[str, Any]) -> dict[str, Any]:
    return panels(board)[0]


def target(board: dict[str, Any], expr: str) -> None:
    first(board)["targets"][0]["expr"] = expr


SPOILT: dict[str, tuple[Spoil, str]] = {
    "editable": (lambda b: b.update(editable=True), "is editable"),
    "data source": (lambda b: b["templating"]["list"].pop(0), "no variable for the data source"),
    "refresh": (lambda b: b["templating"]["list"][1].update(refresh=1), "not read again"),
    "ids": (lambda b: b["panels"][1].update(id=1), "no ids, or the same"),
    "gap": (lambda b: first(b)["gridPos"].update(w=3), "is not full"),
    "overlap": (lambda b: first(b)["gridPos"].update(w=5), "overlaps another panel"),
    "border": (lambda b: panels(b)[-1]["gridPos"].update(w=25), "overlaps another panel"),
    "title": (lambda b: first(b).update(title=""), "has no title"),
    "source": (lambda b: first(b)["datasource"].update(uid="abc"), "the board's data source"),
    "unit": (lambda b: first(b)["fieldConfig"]["defaults"].pop("unit"), "has no unit"),
    "empty": (lambda b: first(b)["fieldConfig"]["defaults"].pop("noValue"), "has no text for"),
    "thresholds": (
        lambda b: first(b)["fieldConfig"]["defaults"]["thresholds"]["steps"].append({"value": 80}),
        "no thresholds of its own",
    ),
    "rising": (
        lambda b: first(b)["fieldConfig"]["defaults"]["thresholds"]["steps"].extend(
            [{"value": 2}, {"value": 1}]
        ),
        "do not rise",
    ),
    "description": (lambda b: first(b).update(description="How much."), "does not name envoy"),
    "placement": (lambda b: b["links"][0].update(placement="inControlsMenu"), "hidden in a menu"),
    "variable": (lambda b: target(b, "sum(rate(x{a='$b'}[1m]))"), "variables that are not there"),
    "window": (lambda b: target(b, "sum(rate(x[2m]))"), "window of 2m and does not say so"),
    "no promql": (lambda b: target(b, "sum(rate(x[1m])"), "is no PromQL"),
    "unknown": (lambda b: target(b, "envoy_renamed"), "which nothing scrapes or records"),
    "counter": (lambda b: target(b, "process_cpu_seconds_total"), "without a rate"),
    "division": (lambda b: target(b, "up / up"), "may be zero"),
    "nought": (lambda b: target(b, "up / 0"), "may be zero"),
    "refs": (lambda b: first(b).update(targets=[]), "no names of their own"),
    "mark": (lambda b: b["annotations"]["list"][0].update(expr="gone"), "annotation 'Release"),
}


@pytest.mark.parametrize(("spoil", "fault"), SPOILT.values(), ids=SPOILT.keys())
def test_the_linter_finds_what_is_spoilt(spoil: Spoil, fault: str) -> None:
    board = copy.deepcopy(ALL["endpoint"])
    spoil(board)
    assert any(fault in found for found in lint.board_faults({"endpoint": board}, KNOWN))


def test_two_boards_of_one_identity_are_found() -> None:
    twins = {"a": ALL["drift"], "b": ALL["drift"]}
    assert "two boards have the uid sluice-drift" in lint.board_faults(twins, KNOWN)


def test_the_linter_reads_rules_too() -> None:
    spoilt = [{"rules": [{"alert": "Gone", "expr": "up / gone > 1"}]}]
    found = lint.rule_faults(spoilt, KNOWN)
    assert [fault.partition(":")[0] for fault in found] == ["Gone", "Gone"]

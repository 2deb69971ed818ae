"""A board as a page: what each kind of panel shows."""

import json
import math
import re

import pytest

from dashboards import boards, page
from dashboards.live import look
from dashboards.live.look import Look
from dashboards.live.server import Found
from dashboards.page import units
from dashboards.page.series import buckets
from dashboards.page.view import View, views
from tests.support.prometheus import NOW, Wire


def seen(name: str, value: float | None = 1.0) -> Look:
    return look.at(boards.load(name), Wire(lambda _: value).server(), {}, None, NOW)


def shown(name: str, value: float | None = 1.0) -> dict[str, View]:
    return {view.title: view for view in views(seen(name, value)) if view.kind != "row"}


@pytest.mark.parametrize("name", boards.NAMES)
def test_every_panel_of_every_board_is_drawn(name: str) -> None:
    for view in shown(name).values():
        drawn = (view.figure, view.number, view.bars, view.states, view.table)
        assert not view.empty
        assert sum(map(bool, drawn)) == 1, view.title
        assert view.question
        assert view.metrics


@pytest.mark.parametrize("value", [None, math.nan])
@pytest.mark.parametrize("name", boards.NAMES)
def test_what_there_is_nothing_of_has_words_instead(name: str, value: float | None) -> None:
    for view in shown(name, value).values():
        assert view.empty, view.title
        drawn = (view.figure, view.number, view.bars, view.states, view.table)
        assert not any(drawn)


@pytest.mark.parametrize("name", boards.NAMES)
def test_a_page_needs_nothing_from_elsewhere_and_says_the_time(name: str) -> None:
    text = page.render(seen(name))
    assert re.findall(r"<(?:script|img|link|iframe)[^>]*(?:src|href)|@import|url\(", text) == []
    assert "content=\"default-src 'none'" in text
    assert "2026-11-26" in text or "2026-11-27" in text


def test_what_others_named_is_no_markup() -> None:
    labels = {"namespace": ("local",), "endpoint": ("<script>alert(1)</script>",)}
    wire = Wire(lambda _: 1.0, {**labels, "model_version": ("1",)})
    text = page.render(look.at(boards.load("endpoint"), wire.server(), {}, None, NOW))
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_a_version_has_one_colour_in_every_panel() -> None:
    figures = [view.figure for view in shown("endpoint").values() if view.figure]
    colours: dict[str, set[str]] = {}
    for figure in figures:
        for key in figure.legend:
            if found := re.search(r"\bv(\d)\b", key.text):
                colours.setdefault(found[1], set()).add(key.css.split()[1])
    assert set(colours) == {"1", "2"}
    assert all(len(each) == 1 for each in colours.values())
    assert colours["1"] != colours["2"]


def test_lines_of_one_colour_differ_by_dash() -> None:
    figure = shown("endpoint")["Latency: p50, p95, p99"].figure
    assert figure is not None
    styles = [key.css for key in figure.legend]
    assert len(set(styles)) == len(styles)


def test_a_number_has_the_colour_of_the_limit_that_it_reaches() -> None:
    number = shown("endpoint", 0.5)["Failed, over 5 minutes"].number
    assert number is not None
    assert (number.text, number.css) == ("50.00%", "red")
    number = shown("endpoint", 0.001)["Failed, over 5 minutes"].number
    assert number is not None
    assert (number.text, number.css) == ("0.10%", "text")


def test_a_value_with_a_word_is_shown_as_the_word() -> None:
    number = shown("release", 1.0)["Held"].number
    assert number is not None
    assert (number.text, number.css) == ("held", "orange")


def test_a_table_joins_what_its_queries_say_of_the_same_labels() -> None:
    table = shown("endpoint", 0.25)["Versions"].table
    assert table is not None
    headings = [cell.text for cell in table.headings]
    assert headings[:5] == ["Version", "Arm", "Requests", "Failed", "p95"]
    assert [row[0].text for row in table.rows] == ["1", "2"]
    row = dict(zip(headings, table.rows[0], strict=True))
    assert (row["Requests"].text, row["Failed"].text) == ("0.25/s", "25.00%")
    assert row["Failed"].css == "number red"
    assert row["MLflow"].link == (
        "http://127.0.0.1:5000/#/models/some-model/versions/some-model_number"
    )
    assert row["Version"].hint == "sluice dashboard endpoint --var version=1 --var endpoint=a"


def test_buckets_are_told_apart_whatever_their_order() -> None:
    cumulative = [("+Inf", 10.0), ("2.0", 7.0), ("1.0", 4.0)]
    found = buckets([Found({"le": le}, ((0.0, count),)) for le, count in cumulative])
    assert [(bucket.edge, bucket.points[0][1]) for bucket in found] == [
        (1.0, 4.0),
        (2.0, 3.0),
        (math.inf, 3.0),
    ]


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "said"),
    [
        (0.0123, "percentunit", None, "1.23%"),
        (1536 * 2**20, "bytes", None, "1.5 GiB"),
        (0.0056, "currencyUSD", 4, "0.0056 USD"),
        (90, "s", None, "1.5 min"),
        (0.25, "s", None, "250 ms"),
        (12_345, "short", None, "12.3 K"),
        (3.0, "suffix: days", 0, "3 days"),
        (-5.0, "ms", None, "-5 ms"),
        (math.inf, "ms", None, "∞"),
        (math.nan, "ms", None, "no value"),
    ],
)
def test_values_have_the_form_of_their_unit(
    value: float, unit: str, decimals: int | None, said: str
) -> None:
    assert units.text(value, unit, decimals) == said


def test_the_data_are_the_answers_and_json() -> None:
    found = json.loads(json.dumps(page.data(seen("drift")), allow_nan=False))
    assert found["board"] == "Sluice: drift"
    assert found["variables"]["endpoint"] == ["a"]
    assert found["panels"][0]["query"].startswith('sum(sluice_drift_alarm{namespace="local"')
    assert found["panels"][0]["series"][0]["points"] == [[pytest.approx(found["to"]), 1.0]]
    nothing = json.dumps(page.data(seen("drift", math.nan)), allow_nan=False)
    assert "null" in nothing

"""The page: complete, self-contained, small, and safe with whatever the record says."""

import base64
import hashlib
import re
from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from components import record
from components.evaluation import EvaluationResult
from components.judge import Poll
from components.report.page import render
from components.report.timeline import timeline_of
from tests.support.records import Recorder

Records = Callable[[str], Path]
NewRecord = Callable[..., Recorder]

PLOTS = ["share", "latency", "errors", "evidence", "safety", "requests"]


class Parsed(HTMLParser):
    """Every element and attribute, and the text by element."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text: dict[str, str] = {}
        self._open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in {"meta", "path", "rect"}:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._open:
            self.text[self._open[-1]] = self.text.get(self._open[-1], "") + data

    @property
    def ids(self) -> list[str]:
        return [value for name, value in self.attributes if name == "id"]


@cache
def page_at(path: Path) -> str:
    return render(timeline_of(record.read(path)), str(path))


def page_of(records: Records, name: str) -> str:
    return page_at(records(name))


@pytest.mark.parametrize(
    "name", ["promoted", "slow", "failing", "cut", pytest.param("long", marks=pytest.mark.long)]
)
def test_a_watched_release_has_every_plot_with_title_and_description(
    records: Records, name: str
) -> None:
    parsed = Parsed(page_of(records, name))
    for key in PLOTS:
        assert {key, f"{key}-title", f"{key}-desc"} <= set(parsed.ids)


@pytest.mark.parametrize("name", ["first", "refused"])
def test_a_release_without_traffic_has_an_evaluation_and_no_plots(
    records: Records, name: str
) -> None:
    page = page_of(records, name)
    assert "figure" not in Parsed(page).tags
    assert "Evaluation before any traffic" in page


@pytest.mark.parametrize(
    ("name", "outcome", "numbers"),
    [
        ("promoted", "promoted", "requests failed, shown to be below 1.00%"),
        ("slow", "rolled back", "of its answers took longer than"),
        ("failing", "rolled back", "over the limit of 1.00% and worse than production"),
        ("refused", "rolled back", "is below the baseline 0.8500"),
        ("first", "promoted", "accuracy 0.9"),
        ("cut", "under way", "of the watch are left"),
    ],
)
def test_the_page_begins_with_the_outcome_and_the_numbers_that_decided(
    records: Records, name: str, outcome: str, numbers: str
) -> None:
    before_plots = page_of(records, name).partition("<section")[0]
    assert f">{outcome}</span>" in before_plots
    headline = re.search(r'<p class="headline">(.*?)</p>', before_plots)
    assert headline
    assert numbers in headline[1]


@pytest.mark.parametrize("name", ["promoted", "demo", pytest.param("long", marks=pytest.mark.long)])
def test_a_page_is_smaller_than_500_kb(records: Records, name: str) -> None:
    assert len(page_of(records, name).encode()) < 500_000


def test_rows_that_the_champion_failed_are_told(records: Records, new_record: NewRecord) -> None:
    (found,) = record.of(record.read(records("promoted")), EvaluationResult)
    written = new_record()
    said = "the champion did not answer 31 of 3080 held-out rows"
    written.append(msgspec.structs.replace(found, champion_failures=31, warnings=(said,)))
    page = render(timeline_of(written.lines()), "record.jsonl")
    assert f"Warning: {said}." in page
    assert re.search(r'Rows failed</th><td class="number">0</td><td class="number">31</td>', page)


def test_the_page_refers_to_nothing_outside_itself(records: Records) -> None:
    page = page_of(records, "promoted")
    links = [v for n, v in Parsed(page).attributes if n in {"src", "href", "action", "data"}]
    assert all(link.startswith("#") for link in links)
    assert not re.search(r"https?://|url\(|@import|<link|<img|<iframe", page)


def test_only_our_own_script_may_run(records: Records) -> None:
    page = page_of(records, "promoted")
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in page


def test_markup_in_a_record_is_shown_and_not_obeyed(new_record: NewRecord) -> None:
    hostile = '</title></svg><script>alert("x")</script><img src=x onerror=y>'
    later = record.SCHEMA + 1
    written = new_record(schema=later, candidate=hostile, release_id=hostile, run_id=hostile)
    written.t = 2
    for t in (1, 2, 3):
        weights: dict[str, float] = {"1": 100} if t == 1 else {"1": 90, hostile: 10}
        written.append(Poll(t, weights, {}))
    written.append(record.Noted(hostile, hostile))
    written.append_json("action", {"action": hostile, hostile: hostile})
    written.append(record.Ended("error", hostile))
    page = render(timeline_of(written.lines()), hostile)
    parsed = Parsed(page)
    assert parsed.tags.count("script") == 1
    assert "img" not in parsed.tags
    assert not [name for name, _ in parsed.attributes if name.startswith("on")]
    assert page.count("&lt;script&gt;") >= 8

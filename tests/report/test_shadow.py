"""A shadow where people look: the page, the terminal, the live view, and what programs read."""

from functools import cache
from io import StringIO

import pytest
from rich.console import Console

from components.record import Line, Shadowed
from components.report import page, terminal
from components.report.line import describe
from components.report.summary import summary
from components.report.timeline import Timeline, timeline_of
from tests.support.present import present
from tests.support.worlds import quick


@cache
def recorded(error_rate: float) -> tuple[Line, ...]:
    """The record of a release with a shadow of a minute."""
    found = quick(shadow={"watch": "60s", "percent": 20})
    found.world.behave("2", error_rate=error_rate)
    found.walk("2", "r")
    return tuple(found.record("r"))


def timeline(error_rate: float = 0.0) -> Timeline:
    return timeline_of(recorded(error_rate))


def shown(found: Timeline) -> str:
    console = Console(width=80, record=True, file=StringIO())
    terminal.show(console, found, "r")
    return console.export_text()


def test_its_numbers_are_not_those_of_a_step() -> None:
    found = timeline()
    shadow = present(found.shadow)
    assert shadow.percent == 20
    assert shadow.ended - shadow.began == pytest.approx(60, abs=16)
    (step,) = found.steps
    assert present(shadow.candidate).requests != step.candidate.requests
    assert step.began >= shadow.ended - 1e-6


def test_people_see_it_on_the_page_and_in_the_terminal() -> None:
    found = timeline()
    drawn = page.render(found, "r")
    assert 'id="shadow"' in drawn
    assert "20% of production's requests were copied" in drawn.replace("&#39;", "'")
    assert "Shadow" in shown(found)
    assert "20%" in shown(found)
    whole = timeline_of(tuple(quick_without()))
    assert 'id="shadow"' not in page.render(whole, "r")
    assert "Shadow" not in shown(whole)


def quick_without() -> list[Line]:
    found = quick()
    found.walk("2", "r")
    return found.record("r")


def test_one_that_ended_the_release_is_its_headline() -> None:
    found = timeline(0.2)
    said = summary(found)
    assert said["outcome"] == "rolled_back"
    assert "was refused before it got any traffic: in its shadow: 19." in said["headline"]
    assert said["steps"] == []
    assert said["shadow"]["decision"] == "ROLLBACK"
    assert said["shadow"]["candidate"]["errors"] > 0
    assert said["shadow"]["reason"] in page.render(found, "r").replace("&#39;", "'")


def test_programs_find_it_only_where_there_was_one() -> None:
    assert summary(timeline())["shadow"]["decision"] == "PROMOTE"
    assert "shadow" not in summary(timeline_of(tuple(quick_without())))


def test_whoever_follows_reads_what_the_copies_show() -> None:
    said = [describe(line) for line in recorded(0.0)]
    assert any(text.startswith("copies 20% of requests to version 2") for text in said)
    of_shadow = [
        text
        for line, text in zip(recorded(0.0), said, strict=True)
        if isinstance(line.body, Shadowed) and text
    ]
    assert of_shadow[-1].startswith("shadow  PROMOTE: 0 of ")

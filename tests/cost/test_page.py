"""The cost report as a page, as JSON and in the terminal."""

import json
import re

from rich.console import Console

from components.cost import terminal, wording
from components.cost.page import render
from components.cost.statement import Statement
from components.cost.summary import summary


def shown(statement: Statement, width: int = 80) -> str:
    console = Console(width=width, highlight=False, force_terminal=False)
    with console.capture() as capture:
        terminal.show(console, statement)
    return capture.get()


def test_the_terminal_says_it_in_80_columns(busy_day: Statement) -> None:
    said = shown(busy_day)
    assert max(map(len, said.splitlines())) <= 80
    assert "…" not in said
    for part in (
        "10.0800 USD for 507,556 served requests: 0.0199 USD per 1,000.",
        "baseline of version 12",
        "unpriced",
        "its file names no serving.price",
        "aws/g6.xlarge/us-east-1/on-demand is cheaper from",
        "idle",
    ):
        assert part in " ".join(said.split()), part


def test_the_amounts_that_are_printed_add_up(busy_day: Statement) -> None:
    lines = shown(busy_day).splitlines()
    begin = next(i for i, line in enumerate(lines) if "Endpoint banking77" in line)
    amounts = {
        name: float(found[1].replace(",", ""))
        for line in lines[begin : begin + 9]
        for name in ("version 12 ", "baseline of", "version 13", "of it: worked", "idle", "sum")
        if line.strip().startswith(name)
        and (found := re.search(r"\s(\d[\d,]*\.\d{4})(\s|$)", line))
    }
    versions = amounts["version 12 "] + amounts["baseline of"] + amounts["version 13"]
    assert round(versions, 4) == amounts["sum"]
    assert round(amounts["of it: worked"] + amounts["idle"], 4) == amounts["sum"]


def test_the_page_needs_nothing_else_and_tells_what_the_json_tells(busy_day: Statement) -> None:
    page, said = render(busy_day), summary(busy_day)
    assert re.findall(r"(?:src|href)=|url\(|https?://", page.replace("http-equiv", "")) == []
    assert page.count('<table class="money">') == len(said["endpoints"]) == 2
    assert wording.headline(busy_day) in page
    assert json.loads(json.dumps(said))["usd"] == 10.08
    banking = said["endpoints"][0]
    assert [len(each["charges"]) for each in banking["versions"]] == [2, 1, 2]
    assert sum(each["usd"] for each in banking["versions"]) == banking["usd"]


def test_digits_say_something() -> None:
    assert [wording.rate_of(value) for value in (None, 0, 0.0000975, 0.0199, 4.0, 1234.5)] == [
        *("-", "0", "0.0000975", "0.0199", "4.00", "1,234"),
    ]
    assert [wording.usd(1_234_567, whole * 10**6) for whole in (0, 10, 5000)] == [
        *("1.234567", "1.2346", "1.23"),
    ]

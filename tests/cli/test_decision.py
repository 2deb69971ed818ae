"""`sluice approve`, `reject`, `pause` and `resume`, on a memory platform."""

import html
import json
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner

import components.platform
from cli import sluice
from cli._follow import follow
from components.engine import Run
from components.errors import InputError, LeaseHeld
from components.platform.memory import Killed
from components.record import Record
from tests.support.engines import Engine
from tests.support.worlds import Scene, quick


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(sluice, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.fixture
def during(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Walks a release that waits for approval, runs commands in the fifth minute; what it says."""

    def walk(*commands: tuple[str, ...], **release: str) -> str:
        found: Scene = quick(approval="required", **release)
        monkeypatch.setattr("components.platform.connect", lambda: found.world.platform)
        monkeypatch.setattr(
            "components.plugins.engine_of",
            lambda: lambda: Engine(Run("r", "run 1", ""), lives=True),
        )
        said: list[str] = []

        def type_in() -> None:
            found.world.decisions.caller = "alice"
            for command in commands:
                code, text = run(*command)
                assert code == 0, text
                said.append(text)

        found.world.clock.after(300, type_in)
        with suppress(LeaseHeld):  # a rejection is not the run's own
            found.walk("2", "r")
        return "".join(said) + str(found.state("r").outcome)

    return walk


def test_an_approval_is_told_with_its_name(during: Callable[..., str]) -> None:
    assert during(("approve", "r")) == (
        "r: approved by alice\nits run run 1 goes on by its next poll\npromoted"
    )


def test_an_endpoint_means_its_release_and_programs_read_json(during: Callable[..., str]) -> None:
    said = during(
        ("pause", "demo", "--reason", "sale", "--json"), ("resume", "demo"), ("approve", "demo")
    )
    first, second, *_ = said.splitlines()
    wanted = {"release": "r", "says": "pause", "by": "alice", "reason": "sale"}
    assert json.loads(first) == wanted
    assert second == "r: resumed by alice"


def test_who_approves_after_another_one_sees_that_a_run_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first one's rights, or an engine that was away, did not suffice to begin one."""
    found: Scene = quick(approval="required")
    engine = Engine(away="no workflow may be listed")
    monkeypatch.setattr("components.platform.connect", lambda: found.world.platform)
    monkeypatch.setattr("components.plugins.engine_of", lambda: lambda: engine)

    def die() -> None:
        raise Killed("the workflow was deleted")

    found.world.clock.after(300, die)
    with pytest.raises(Killed):
        found.walk("2", "r")
    found.world.decisions.caller = "alice"
    code, said = run("approve", "r")
    assert code == 0
    assert "not known (no workflow may be listed): 'sluice approve r' by who may" in said
    engine.away, engine.do = "", lambda: found.walk("2", "r", "engine 2")
    refused = CliRunner().invoke(sluice, ("approve", "r")).exception
    assert isinstance(refused, InputError)
    assert str(refused) == (
        "release r was approved by alice: nobody went on with it: its new run run 2 does"
    )
    assert engine.submitted == ["r"]
    assert found.one_version("r") == "promoted"


def test_a_rejection_says_what_is_in_force(during: Callable[..., str]) -> None:
    said = during(("reject", "r"))
    assert said == "r: rejected by alice\nin force: version 1 100%\nrolled_back"


def test_what_waits_is_seen_in_every_list(during: Callable[..., str], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    said = during(
        ("releases",),
        ("releases", "--json"),
        ("show", "r"),
        ("show", "r", "--json"),
        ("report", "r", "--out", str(page)),
        ("approve", "r"),
    )
    waits = "it waits for approval; 'sluice approve r' or 'sluice reject r' ends it"
    assert said.count(waits) >= 4
    shown = json.loads(next(line for line in said.splitlines() if '"holds"' in line))
    assert [each["cause"] for each in shown["waits"]] == ["approval"]
    assert [each["step"] for each in shown["holds"]] == [100]
    assert waits in shown["headline"]
    assert f"the step to 100% is held: {waits}" in html.unescape(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("says", "done"), [("approve", "approved"), ("reject", "rejected")])
def test_who_decided_and_why_is_seen_where_it_is_followed_and_reported(
    during: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    says: str,
    done: str,
) -> None:
    during((says, "r", "--reason", "seen <by> two"))
    told, page = f"{done} by alice: seen <by> two", tmp_path / "page.html"
    platform = components.platform.connect()
    follow(Record(platform.records, "r", platform.clock), lambda: False)
    followed = capsys.readouterr().out
    assert f"  {told}\n" in followed
    assert run("report", "r", "--out", str(page))[0] == 0
    reported = html.unescape(page.read_text(encoding="utf-8"))
    shown, listed = (run(*command)[1] for command in (("show", "r"), ("releases",)))
    assert f"</b>: {told}" in reported
    assert re.search(rf"\d:\d\d: {re.escape(told)}", shown)
    assert (told in listed) == (says == "reject")  # A promotion's reason is what the judge found.

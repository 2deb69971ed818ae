"""`sluice dashboard`: what it refuses, in one line; the end-to-end road has what it writes."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.dashboard import command
from components.errors import InputError, Unreachable

NOBODY = "http://127.0.0.1:1"


def run(*arguments: str) -> None:
    CliRunner().invoke(command, arguments, catch_exceptions=False, standalone_mode=False)


def test_a_board_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(InputError, match="choose fleet, endpoint, release, cost, drift"):
        run("flet", "--prometheus", NOBODY)


def test_a_prometheus_that_does_not_answer_is_named(tmp_path: Path) -> None:
    out = tmp_path / "fleet.html"
    with pytest.raises(Unreachable, match=f"Prometheus at {NOBODY}.* does not answer"):
        run("fleet", "--prometheus", NOBODY, "--out", str(out))
    assert not out.exists()


def test_a_variable_without_a_value_is_a_wrong_use() -> None:
    found = CliRunner().invoke(command, ["fleet", "--prometheus", NOBODY, "--var", "endpoint"])
    assert found.exit_code == 2
    assert "'endpoint': write NAME=VALUE" in found.output


def test_without_a_prometheus_one_is_asked_for() -> None:
    with pytest.raises(InputError, match="name one by --prometheus URL"):
        run("fleet", "--prometheus", "")

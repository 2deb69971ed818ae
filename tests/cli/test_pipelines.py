"""`sluice pipelines submit`: what a person gives, and what is said."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner, Result

from cli import sluice
from components.errors import InputError
from components.registry import names
from tests.support.kubeflow import Remembering, served
from tests.support.worlds import MODEL, QUICK, QUICK_RPS, scene

IMAGE = "registry.example/sluice-steps@sha256:" + "a" * 64


@pytest.fixture
def wire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Remembering, str]]:
    """A KFP and its address; the platform `cluster` is one in memory."""
    demo = scene(QUICK_RPS, **QUICK | {"lease": "120s"})
    demo.world.registry.set_alias(MODEL, names.CANDIDATE, "2")
    toy = ModuleType("toy")
    toy.connect = lambda: demo.world.platform  # type: ignore[attr-defined]
    points = tmp_path / "toy-1.dist-info" / "entry_points.txt"
    points.parent.mkdir()
    points.write_text("[sluice.platforms]\ncluster = toy:connect\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "toy", toy)
    monkeypatch.chdir(tmp_path)  # no endpoint's file is here: the platform knows it
    monkeypatch.setenv("SLUICE_PLATFORM", "cluster")
    monkeypatch.setenv("SLUICE_NAMESPACE", "fraud")
    remembered = Remembering()
    with served(remembered) as host:
        yield remembered, host


def submit(host: str, *more: str) -> Result:
    given = ["pipelines", "submit", "release", "demo", "--host", host, "--image", IMAGE, *more]
    return CliRunner().invoke(sluice, given)


def test_a_release_is_told_with_its_link(wire: tuple[Remembering, str]) -> None:
    said = submit(wire[1])
    assert said.exit_code == 0, said.output
    assert said.output == (
        f"rel-demo-v2-1: {wire[1]}/#/runs/details/run_id-1\n"
        "'sluice show rel-demo-v2-1' says how it goes\n"
    )


def test_a_program_is_told_the_same(wire: tuple[Remembering, str], tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret\n")
    said = json.loads(submit(wire[1], "--json", "--token-file", str(token)).output)
    assert said.pop("pipeline").startswith("release-1-")
    assert said == {
        "engine": "kfp",
        "release": "rel-demo-v2-1",
        "run": "run_id-1",
        "url": f"{wire[1]}/#/runs/details/run_id-1",
    }
    assert {each.headers["authorization"] for each in wire[0].sent} == {"Bearer secret"}


def test_a_schedule_is_told_with_its_first_time_and_what_it_replaces(
    wire: tuple[Remembering, str],
) -> None:
    submit(wire[1], "--cron", "0 6 * * *")
    said = json.loads(submit(wire[1], "--cron", "30 6 * * *", "--json").output)
    assert said["recurring_run"] == "recurring_run_id-2"
    assert said["replaced"] == ["recurring_run_id-1"]
    assert said["next"].endswith("T06:30+00:00")
    words = submit(wire[1], "--cron", "0 6 * * *").output
    assert "/#/recurringrun/details/recurring_run_id-3\n" in words
    assert words.endswith("T06:00+00:00, instead of recurring_run_id-2\n")


def test_a_schedule_has_no_version(wire: tuple[Remembering, str]) -> None:
    said = submit(wire[1], "--cron", "0 6 * * *", "--version", "2")
    assert said.exit_code == 2
    assert wire[0].sent == []


@pytest.mark.parametrize(
    ("variable", "value"), [("SLUICE_PLATFORM", "local"), ("SLUICE_NAMESPACE", "")]
)
def test_pods_must_know_whose_endpoints_are_meant(
    wire: tuple[Remembering, str], monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    said = submit(wire[1])
    assert isinstance(said.exception, InputError)
    assert "set SLUICE_PLATFORM=cluster and SLUICE_NAMESPACE" in str(said.exception)


def test_a_token_that_cannot_be_read_is_named(wire: tuple[Remembering, str]) -> None:
    said = submit(wire[1], "--token-file", "/nowhere")
    assert isinstance(said.exception, InputError)
    assert str(said.exception).startswith("--token-file: /nowhere: ")

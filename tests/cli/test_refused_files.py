"""What a release would be refused for is refused when the endpoint's file is made known."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli import _endpoint
from cli.validate import command
from components.errors import InputError
from components.platform.memory import World
from tests.support.endpoints import endpoint_file

SHORT: dict[str, Any] = {"lease": "30s", "poll": "10s"}
SAID = "a: release.lease: 30 s is less than a pod may take to start: write 60s or more"


@pytest.mark.parametrize("engine", [None, "argo"])
def test_a_lease_that_argo_refuses_is_not_applied_on_a_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str | None
) -> None:
    monkeypatch.setenv("SLUICE_PLATFORM", "cluster")
    file, world = endpoint_file(tmp_path, "a", release=SHORT), World()
    with pytest.raises(InputError) as refused:
        _endpoint.apply(world.platform, str(file), engine)
    assert str(refused.value) == SAID
    assert world.platform.endpoints.names() == []


@pytest.mark.parametrize(("platform", "engine"), [("local", None), ("cluster", "local")])
def test_where_argo_does_not_run_it_it_is_applied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str, engine: str | None
) -> None:
    monkeypatch.setenv("SLUICE_PLATFORM", platform)
    file, world = endpoint_file(tmp_path, "a", release=SHORT), World()
    assert _endpoint.apply(world.platform, str(file), engine).name == "a"
    assert world.platform.endpoints.names() == ["a"]


def test_what_the_judge_cannot_decide_is_not_applied(tmp_path: Path) -> None:
    file = endpoint_file(tmp_path, "a", release={"judge": {"p95_ratio": 1.4142}})
    world = World()
    with pytest.raises(InputError, match=r"a: release\.judge\.p95_ratio"):
        _endpoint.apply(world.platform, str(file))
    assert world.platform.endpoints.names() == []


@pytest.mark.parametrize(("platform", "code"), [("local", 0), ("cluster", 1)])
def test_validate_says_the_same_where_the_platform_is_a_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str, code: int
) -> None:
    monkeypatch.setenv("SLUICE_PLATFORM", platform)
    file = endpoint_file(tmp_path, "a", release=SHORT)
    done = CliRunner().invoke(command, [str(file)])
    assert done.exit_code == code
    assert (SAID in done.output) == bool(code)

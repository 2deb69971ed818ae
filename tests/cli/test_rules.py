"""`sluice rules`, and `sluice validate` of what it is made from."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from cli import sluice
from dashboards import rules
from tests.support.endpoints import endpoint_file


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two endpoints, of which one promises what nobody counts."""
    (tmp_path / "endpoints").mkdir()
    endpoint_file(tmp_path / "endpoints", "good", slo={"availability": 0.999})
    endpoint_file(tmp_path / "endpoints", "odd", slo={"latency": {"ms": 210}})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(sluice, ["rules", *arguments])


SAID = "odd: slo.latency.ms: 210 is no edge of the gateway's histogram, so nobody counts it: write"


def test_one_endpoints_fault_leaves_the_others_rules_alone(here: Path) -> None:
    result = run("--out", "made")
    assert result.exit_code == 1
    assert SAID in result.stderr
    assert sorted(path.name for path in (here / "made").iterdir()) == [
        "endpoint-good.rules.yaml",
        "sluice.rules.yaml",
    ]
    assert (here / "made" / "sluice.rules.yaml").read_text() == rules.FILE.read_text()
    assert "vector(0.001)" in (here / "made" / "endpoint-good.rules.yaml").read_text()


def test_the_files_that_are_named_are_taken_and_printed() -> None:
    result = run("endpoints/good.yaml", "--namespace", "prod")
    assert result.exit_code == 0
    base, own = yaml.safe_load_all(result.stdout)
    assert base["groups"] == rules.groups()
    (group,) = own["groups"]
    assert group["name"] == "sluice-slo-good"
    assert group["rules"][0]["labels"] == {
        "namespace": "prod",
        "endpoint": "good",
        "slo": "availability",
    }


def test_as_json_the_files_stand_by_their_names(here: Path) -> None:
    made = json.loads(run("endpoints/good.yaml", "--json").stdout)
    assert list(made) == ["sluice.rules.yaml", "endpoint-good.rules.yaml"]
    written = json.loads(run("endpoints/good.yaml", "--json", "--out", "made").stdout)
    assert written == {"written": [f"made/{name}" for name in made]}
    assert {path.name: path.read_text() for path in (here / "made").iterdir()} == made


def test_validate_refuses_what_nobody_counts() -> None:
    result = CliRunner().invoke(sluice, ["validate"])
    assert result.exit_code == 1
    assert SAID in result.stderr
    assert "endpoints/good.yaml: ok" in result.stdout


def test_an_endpoint_may_be_called_like_the_rules_for_all(here: Path) -> None:
    endpoint_file(here / "endpoints", "sluice")
    assert len(json.loads(run("endpoints/sluice.yaml", "--json").stdout)) == 2

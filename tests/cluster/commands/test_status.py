"""The commands of a cluster, as a user meets them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import cli
from cluster import health, installation
from cluster.access import Access
from cluster.health import Server, Shown, Status
from components.findings import Finding

FOUND = Status(
    "demo",
    [Shown("churn", "Releasing", "1", "2", "10"), Shown("new", "Unreleased")],
    [Server("mlflow", "ok"), Server("reaper", "1 of 2 ready: no room")],
)
KUBECONFIG = """{apiVersion: v1, kind: Config, current-context: c, users: [],
clusters: [{name: c, cluster: {server: "https://127.0.0.1:9"}}],
contexts: [{name: c, context: {cluster: c, namespace: demo}}]}"""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.setenv("SLUICE_PLATFORM", "cluster")
    asked: list[str] = []

    def status(_: Access, namespace: str) -> Status:
        asked.append(namespace)
        return FOUND

    monkeypatch.setattr(health, "status", status)
    return CliRunner()


def test_status_shows_endpoints_and_servers_and_fails_when_one_is_ill(run: CliRunner) -> None:
    done = run.invoke(cli.sluice, ["status"])
    assert done.exit_code == 1
    words = [line.split() for line in done.output.splitlines()]
    assert ["churn", "Releasing", "1", "2", "10%"] in words
    assert ["new", "Unreleased"] in words
    assert ["mlflow", "ok"] in words


def test_status_as_json_is_the_same(run: CliRunner) -> None:
    done = run.invoke(cli.sluice, ["status", "--json"])
    told = json.loads(done.output)
    assert (done.exit_code, told["healthy"], told["namespace"]) == (1, False, "demo")
    assert told["endpoints"][0]["share"] == "10"
    assert told["servers"][1] == {"name": "reaper", "state": "1 of 2 ready: no room"}


def test_what_could_not_be_looked_at_is_a_warning(run: CliRunner) -> None:
    told = json.loads(run.invoke(cli.sluice, ["status", "--json"]).stdout)
    [said] = told["warnings"]
    assert said.startswith("whether further pods could start is not known: ")


@pytest.mark.parametrize(("fix", "code"), [("", 0), ("mend it", 1)])
def test_up_looks_and_starts_nothing(
    run: CliRunner, monkeypatch: pytest.MonkeyPatch, fix: str, code: int
) -> None:
    def examine(_: Access, namespace: str) -> list[Finding]:
        return [Finding("team", namespace, fix)]

    monkeypatch.setattr(installation, "examine", examine)
    done = run.invoke(cli.sluice, ["up"])
    assert done.exit_code == code
    assert "team: demo" in done.output

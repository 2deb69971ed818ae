"""Rules of endpoints in this machine's Prometheus, and who is told."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from click.testing import CliRunner

from cli import sluice
from components.errors import InputError
from components.platform import Moment, Platform
from dashboards import rules as written
from local import rules
from local.home import Home
from local.servers import alertmanager_server, ports, prometheus_server, supervision
from tests.support.endpoints import endpoint, endpoint_settings
from tests.support.messages import Inbox, inbox, now
from tests.support.waiting import wait_until


class Known:
    """Endpoints that a platform knows; of one the file is wrong."""

    def __init__(self, *names: str, wrong: str = "") -> None:
        self._names, self._wrong = names, wrong

    def names(self) -> list[str]:
        return list(self._names)

    def load(self, name: str) -> Any:
        if name == self._wrong:
            raise InputError(f"endpoint {name}: it is wrong")
        return endpoint(name)

    def apply(self, text: str, source: str) -> Any:
        raise NotImplementedError


def test_a_fault_in_one_endpoint_leaves_the_others_and_its_own_rules_alone(tmp_path: Path) -> None:
    own = Home(tmp_path / "home")
    own.make()
    said: list[str] = []
    rules.write_all(own, Known("a", "b", "gone"), said.append)
    rules.write_all(own, Known("a", "b", "c", wrong="b"), said.append)
    assert said == ["the rules of b stay as they were: endpoint b: it is wrong"]
    assert sorted(path.name for path in own.rules.iterdir()) == [
        written.file_name(name) for name in ("a", "b", "c")
    ]


def groups(home: Home) -> set[str]:
    """The groups that Prometheus has loaded."""
    asked = f"{prometheus_server.url(ports.kept(home))}/api/v1/rules"
    found = httpx.get(asked, trust_env=False).json()["data"]["groups"]
    return {group["name"] for group in found}


def test_prometheus_has_an_endpoints_rules_as_soon_as_it_is_applied(
    platform: Platform, home: Home
) -> None:
    name = "ruled"
    text = yaml.safe_dump(endpoint_settings(name))
    platform.endpoints.apply(text, "ruled.yaml")
    wait_until(lambda: f"sluice-slo-{name}" in groups(home), 15, "the rules")
    assert {group["name"] for group in written.groups()} <= groups(home)
    # What may hold a step is asked by the same names.
    said = platform.metrics.alerts(["AvailabilityBurn", "NobodysAlert"], name)
    assert said == {"AvailabilityBurn": "quiet", "NobodysAlert": "unknown"}
    wrong = yaml.safe_dump(endpoint_settings(name, slo={"latency": {"ms": 210}}))
    with pytest.raises(InputError, match="210 is no edge"):
        platform.endpoints.apply(wrong, "ruled.yaml")
    assert platform.endpoints.load(name).slo.latency.ms == 200


@pytest.fixture
def mail(platform: Platform, home: Home, tmp_path: Path) -> Iterator[Inbox]:
    """A server that gets the platform's events, for one test."""
    with inbox() as server:
        file = tmp_path / "receivers.yaml"
        file.write_text(f'event: [{{webhook: {{url: "{server.url}/event"}}}}]\n')
        done = CliRunner().invoke(sluice, ["notify", "apply", str(file), "--json"])
        assert json.loads(done.stdout) == {
            "receivers": {"page": 0, "ticket": 0, "event": 1},
            "in_force": True,
        }
        yield server
        file.write_text("{}")
        assert CliRunner().invoke(sluice, ["notify", "apply", str(file)]).exit_code == 0


def test_what_happened_while_alertmanager_was_down_is_told_when_it_is_back(
    platform: Platform, home: Home, mail: Inbox
) -> None:
    supervision.stop(home, "alertmanager")
    labels = {"alertname": "ReleaseEnded", "severity": "event", "release": "told-later"}
    platform.moments.keep("told-later", Moment(labels, {}, now()))
    assert "told-later" in platform.moments.kept()
    supervision.start_stopped(home, "alertmanager")
    # The reaper tells it, at its next pass.
    wait_until(lambda: "ReleaseEnded" in mail.alerts("/event"), 30, "the event")
    # It forgets what it has told after it was told.
    wait_until(lambda: "told-later" not in platform.moments.kept(), 30, "nothing that is kept")


def test_what_is_tried_arrives(mail: Inbox) -> None:
    done = CliRunner().invoke(sluice, ["notify", "test", "--json"])
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"sent": severity} for severity in ("page", "ticket", "event")
    ]
    wait_until(lambda: "NotifyTest" in mail.alerts("/event"), 15, "the event")


@pytest.mark.usefixtures("mail")
def test_receivers_that_are_wrong_leave_those_in_force(home: Home, tmp_path: Path) -> None:
    kept = alertmanager_server.receivers(home).read_text()
    file = tmp_path / "wrong.yaml"
    file.write_text("page: [{}]")
    done = CliRunner().invoke(sluice, ["notify", "apply", str(file)])
    assert isinstance(done.exception, InputError)
    assert alertmanager_server.receivers(home).read_text() == kept


def test_a_machine_without_alertmanager_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alertmanager_server, "TOOLS", tmp_path)
    programs = [path for path in os.environ["PATH"].split(":") if "alertmanager" not in path]
    monkeypatch.setenv("PATH", ":".join(programs))
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path / "home"))
    found = json.loads(CliRunner().invoke(sluice, ["doctor", "--json"]).stdout)
    fixes = {each["what"]: each["fix"] for each in found if each["found"] == "missing"}
    assert fixes["Alertmanager"] == (
        "alertmanager is not installed: run 'make setup' or put it on PATH"
    )

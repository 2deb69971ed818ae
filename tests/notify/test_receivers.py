"""The user's file of receivers, and what Alertmanager makes of it, by its own tool."""

import json
import subprocess
from pathlib import Path

import pytest

from components.errors import InputError
from components.notify import config, load, parse
from dashboards import rules
from local.servers.alertmanager_server import binary


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("https://hooks.example.com/services/T/B/x")
    return path


@pytest.fixture
def everything(secret: Path) -> str:
    return f"""\
page:
- webhook: {{url: "https://pager.example.com/v2?team=ml", token_file: {secret}}}
- email:
    to: oncall@example.com
    from: sluice@example.com
    smarthost: smtp.example.com:587
    username: sluice
    password_file: {secret}
ticket:
- slack: {{url_file: {secret}, channel: "#models"}}
- email: {{to: ml@example.com, from: s@example.com, smarthost: "localhost:25", tls: false}}
event:
- webhook: {{url: "http://127.0.0.1:8080/"}}
quiet: {{from: "20:00", to: "07:00"}}
"""


def amtool(*arguments: str) -> str:
    done = subprocess.run(
        [str(binary("amtool")), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("begin", "end"), [("20:00", "07:00"), ("00:30", "06:00"), ("20:00", "00:00")]
)
def test_alertmanager_takes_every_kind_of_receiver(
    everything: str, tmp_path: Path, begin: str, end: str
) -> None:
    written = everything.replace('"20:00", to: "07:00"', f'"{begin}", to: "{end}"')
    file = tmp_path / "alertmanager.yaml"
    file.write_text(json.dumps(config(parse(written, "r.yaml"))))
    assert " - 4 receivers" in amtool("check-config", str(file))


@pytest.mark.parametrize(
    "alert",
    [rule for group in rules.groups() for rule in group["rules"] if "alert" in rule],
    ids=lambda rule: f"{rule['alert']}-{rule['labels'].get('long', '')}",
)
def test_every_alert_has_a_receiver_by_its_severity(
    alert: dict[str, dict[str, str]], everything: str, tmp_path: Path
) -> None:
    file = tmp_path / "alertmanager.yaml"
    file.write_text(json.dumps(config(parse(everything, "r.yaml"))))
    told = [f"{name}={value}" for name, value in alert["labels"].items()]
    routed = amtool("config", "routes", "test", f"--config.file={file}", *told)
    assert routed == alert["labels"]["severity"]
    assert routed in {"page", "ticket"}


def test_what_nobody_wants_to_know_goes_nowhere(tmp_path: Path) -> None:
    file = tmp_path / "alertmanager.yaml"
    file.write_text(json.dumps(config(parse("{}", "r.yaml"))))
    routed = amtool("config", "routes", "test", f"--config.file={file}", "severity=other")
    assert routed == "nobody"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "r.yaml:1: a file of receivers is a mapping of page, ticket and event"),
        ("page: [{}]", "r.yaml:1: page.0: write one of webhook, slack and email"),
        ("pages: []", "r.yaml:1: pages: unknown key"),
        ("page:\n- webhook: {url: ftp://a}", "r.yaml:2: page.0.webhook.url: write an address like"),
        ("page:\n- slack: {url: https://a}", "r.yaml:2: page.0.slack.url: unknown key"),
        ("page:\n- slack: {url_file: a}", "page.0.slack.url_file: 'a': write the whole path"),
        ("page:\n- slack: {url_file: /none}", "page.0.slack.url_file: there is no file /none"),
        (f"page:\n- slack: {{url_file: /{'n' * 300}}}", f"/{'n' * 300}: File name too long"),
        (
            "event:\n- email: {to: a, from: b@c, smarthost: d}",
            "r.yaml:2: event.0.email.to: write an e-mail address\n"
            "r.yaml:2: event.0.email.smarthost: write a server like smtp.example.com:587",
        ),
        (
            'page:\n- email: {to: a@b, from: b@c, smarthost: "d:1", username: e}',
            "page.0.email: username and password_file go together",
        ),
        ('quiet: {from: "7:00", to: "08:00"}', "quiet.from: write a time of day like 07:30"),
        ('quiet: {from: "07:00", to: "07:00"}', "quiet: from and to are the same"),
    ],
)
def test_a_fault_is_told_in_one_line(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text, "r.yaml")
    assert said in str(caught.value)


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(InputError, match="without a password in it") as caught:
        parse('page: [{webhook: {url: "https://me:hunter2@host/x"}}]', "r.yaml")
    assert "hunter2" not in str(caught.value)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.yaml"):
        load(tmp_path / "none.yaml")


def test_who_wrote_many_faults_begins_with_some_of_them() -> None:
    with pytest.raises(InputError) as caught:
        parse(f"page: [{', '.join(['{}'] * 500)}]", "r.yaml")
    lines = str(caught.value).splitlines()
    assert len(lines) == 21
    assert lines[-1] == "r.yaml: and 480 more"

"""The recording rules and alerts, by Prometheus' own tool; each case stands in `*.test.yaml`."""

import re
import subprocess
from pathlib import Path

import yaml

from dashboards import rules
from local.servers.prometheus_server import binary

ROOT = Path(__file__).parents[2]


def promtool(*arguments: str) -> None:
    done = subprocess.run(
        [str(binary("promtool")), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_is_well_formed() -> None:
    promtool("check", "rules", str(rules.FILE))


def test_every_rule_does_what_its_cases_say() -> None:
    promtool("test", "rules", *map(str, rules.FOLDER.glob("*.test.yaml")))


def test_the_rules_that_are_committed_are_those_that_are_generated() -> None:
    assert rules.FILE.read_text(encoding="utf-8") == rules.text(), "run python -m dashboards.rules"
    assert yaml.safe_load(rules.text()) == rules.content()


def anchors(document: str) -> set[str]:
    """What a link to a heading of a Markdown document may name."""
    headings = re.findall(r"^#+ (.*)$", document, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_every_alert_says_what_to_do_and_where_to_read_on() -> None:
    (alerts,) = (g["rules"] for g in rules.content()["groups"] if g["name"] == "sluice-alerts")
    for alert in alerts:
        said = alert["annotations"]
        page, anchor = said["runbook_url"].split("#")
        assert said["action"]
        assert anchor in anchors((ROOT / page).read_text(encoding="utf-8"))

"""The recording rules and alerts, by Prometheus' own tool; `test_alerts` has the alerts' cases."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.errors import InputError
from components.metrics.alerts import OWN_RULES
from dashboards import rules
from dashboards.rules import slo
from dashboards.rules.form import runbook
from tests.support.endpoints import endpoint
from tests.support.promtool import promtool
from tests.test_docs import anchors

ROOT = Path(__file__).parents[2]


def alerts() -> list[dict[str, Any]]:
    return [rule for group in rules.groups() for rule in group["rules"] if "alert" in rule]


def test_every_rule_is_well_formed(tmp_path: Path) -> None:
    own = tmp_path / rules.file_name("a")
    own.write_text(rules.of_endpoint(endpoint("a")))
    promtool("check", "rules", str(rules.FILE), str(own))


def test_every_rule_does_what_its_cases_say() -> None:
    promtool("test", "rules", *map(str, rules.FOLDER.glob("*.test.yaml")))


def test_the_rules_that_are_committed_are_those_that_are_generated() -> None:
    assert rules.FILE.read_text(encoding="utf-8") == rules.text(), "run python -m dashboards.rules"
    assert yaml.safe_load(rules.text())["groups"] == rules.groups()


def test_every_group_s_name_says_that_its_rules_are_ours() -> None:
    groups = [*rules.groups(), *slo.objectives(endpoint("a"), "demo")]
    assert all(group["name"].startswith(OWN_RULES) for group in groups)


def test_every_alert_says_what_to_do_and_where_to_read_on() -> None:
    for alert in alerts():
        said = alert["annotations"]
        assert said.keys() == {"summary", "mend", "runbook_url"}
        assert said["mend"]
        page, anchor = said["runbook_url"].split("#")
        assert anchor == alert["alert"].lower()
        assert anchor in anchors(ROOT / page)


def test_every_alert_has_a_case_on_both_sides_of_its_edge() -> None:
    from tests.dashboards.test_alerts import FAST, SLOW, STATES

    silent: set[str] = set()
    fires: set[str] = set()
    for case in (*STATES, *FAST, *SLOW):
        for told in case.expected.values():
            (fires if told else silent).add(case.alert)
    assert silent == fires == {alert["alert"] for alert in alerts()}


def test_the_pairs_of_windows_use_rates_that_are_recorded() -> None:
    used = {window for pair in slo.PAIRS for window in (pair.long, pair.short)}
    assert used == set(slo.WINDOWS)
    budget = 1 - endpoint("a", slo={"availability": 0.94}).slo.availability
    assert max(pair.burn for pair in slo.PAIRS) * budget < 1, "it could never fire"


@pytest.mark.parametrize(
    ("ms", "edge"), [(200, "200000|200000\\.0"), (2000, "2000000|2000000\\.0|2e\\+06")]
)
def test_an_edge_is_met_as_prometheus_2_and_3_write_it(ms: float, edge: str) -> None:
    promised = endpoint("a", slo={"latency": {"ms": ms}})
    (slow,) = (
        rule["expr"]
        for group in slo.objectives(promised, "local")
        for rule in group["rules"]
        if rule["record"] == "endpoint:sluice_slow:rate5m"
    )
    assert f'le=~"{edge.replace(chr(92), chr(92) * 2)}"' in slow
    meets = re.compile(edge)
    written = {str(round(ms * 1000)), f"{ms * 1000:.1f}", f"{ms * 1000:g}"}
    assert all(map(meets.fullmatch, written))


def test_a_promise_that_nobody_counts_makes_no_rules() -> None:
    with pytest.raises(InputError, match=r"slo\.latency\.ms: 210 is no edge .* write 200 or 230"):
        rules.of_endpoint(endpoint("a", slo={"latency": {"ms": 210}}))


def test_a_runbook_is_named_after_its_alert() -> None:
    assert runbook("ErrorRateHigh") == "docs/runbooks.md#errorratehigh"

"""The prices in the rules hold for their time; what costs come of them stands in `*.test.yaml`."""

from datetime import date
from pathlib import Path
from typing import Any

import yaml

from components.cost import prices
from dashboards.rules import cost
from tests.support.promtool import try_cases

DAY = 86400


def test_each_price_holds_from_its_day_on_and_until_it_is_too_old(tmp_path: Path) -> None:
    row: dict[str, Any] = {
        "id": "local/any",
        "source": "a test",
        "revision": "1",
        "covers": "whole-vm",
        "retrieved": date(1970, 1, 1),
        "usd_per_hour": 1.5,
    }
    later = {**row, "revision": "2", "usd_per_hour": 2.5, "since": date(1970, 1, 11)}
    text = yaml.safe_dump({"schema": 1, "currency": "USD", "prices": [row, later]})
    rules = {"groups": cost.groups(prices.parse(text, "prices.yaml"))}
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules), encoding="utf-8")

    def expected(day: int, *samples: tuple[str, float]) -> dict[str, Any]:
        name = 'sluice:price:usd_per_hour{price="local/any", revision="%s"}'
        listed = [{"labels": name % revision, "value": value} for revision, value in samples]
        return {
            "expr": "sluice:price:usd_per_hour",
            "eval_time": f"{day}d",
            "exp_samples": listed,
        }

    cases = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "1d",
        "tests": [
            {
                "interval": "1d",
                "input_series": [{"series": "any", "values": "1x200"}],
                "promql_expr_test": [
                    expected(9, ("1", 1.5)),
                    expected(10, ("2", 2.5)),
                    expected(prices.MAX_AGE_DAYS - 1, ("2", 2.5)),
                    expected(prices.MAX_AGE_DAYS),
                ],
            }
        ],
    }
    try_cases(tmp_path, cases)

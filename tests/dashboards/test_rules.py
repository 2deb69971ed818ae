"""The recording rules and alerts, by Prometheus' own tool; each case stands in `*.test.yaml`."""

import subprocess

from local.prometheus import RULES, binary


def promtool(*arguments: str) -> None:
    done = subprocess.run(
        [str(binary("promtool")), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_is_well_formed() -> None:
    promtool("check", "rules", *map(str, RULES.glob("*.rules.yaml")))


def test_every_rule_does_what_its_cases_say() -> None:
    promtool("test", "rules", *map(str, RULES.glob("*.test.yaml")))

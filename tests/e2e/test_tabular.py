"""Any MLflow model takes the same road: a scikit-learn model of a table, by `runtime: mlflow`."""

from pathlib import Path

import yaml
from e2e.harness import newest, sluice, users

from components.platform import Platform
from components.registry import Registry

ENDPOINTS = Path(__file__).parents[2] / "endpoints"


def test_a_tabular_version_is_promoted_under_traffic(
    prepared: Platform, registry: Registry, tmp_path: Path
) -> None:
    content = yaml.safe_load((ENDPOINTS / "tumour.yaml").read_text())
    content["release"] |= {"steps": [50, 100], "watch": "10s", "poll": "1s", "lease": "15s"}
    content["release"]["judge"] |= {"false_rollback": 0.05, "max_extension": 8}
    endpoint = tmp_path / "tumour.yaml"
    endpoint.write_text(yaml.safe_dump(content))

    first = sluice("release", str(endpoint), "--version", "1")
    assert first.returncode == 0, first.stdout + first.stderr
    with users(endpoint, tmp_path / "users.jsonl", 80) as seen:
        second = sluice("release", str(endpoint), "--version", "2")
        state = newest(prepared, "tumour").state()
    assert second.returncode == 0, second.stdout + second.stderr + state.reason
    assert (state.outcome, state.passed) == ("promoted", (50,))
    assert registry.alias("tumour-diagnosis", "champion") == "2"
    assert [row for row in seen.answers() if row.status != 200] == []
    assert {row.version for row in seen.answers()} == {"1", "2"}

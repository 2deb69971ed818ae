"""Any MLflow model takes the same road: a scikit-learn model of a table, by `runtime: mlflow`."""

import json
from pathlib import Path

import httpx
import pandas as pd
import pytest
import yaml

from components.platform import Platform
from components.registry import Registry
from local.home import find_home
from local.servers import ports, prometheus_server
from tests.support.doors import everywhere
from tests.support.releases import newest, sluice, users
from tests.support.waiting import wait_until

ENDPOINTS = Path(__file__).parents[2] / "endpoints"


@pytest.mark.long
def test_a_tabular_version_is_promoted_under_traffic(
    prepared: Platform, registry: Registry, tmp_path: Path
) -> None:
    content = yaml.safe_load((ENDPOINTS / "tumour.yaml").read_text())
    # Other tests want the cores meanwhile.
    content["evaluation"]["latency"] = {"p95_ms": 5000, "concurrency": 1}
    content["release"] |= {"steps": [50, 100], "watch": "10s", "poll": "1s", "lease": "15s"}
    # How long the judge's own rule needs is shown by the road of the texts.
    content["release"]["judge"] = {"method": "threshold", "min_requests": 100, "p95_ratio": 10}
    endpoint = tmp_path / "tumour.yaml"
    endpoint.write_text(yaml.safe_dump(content))

    first = sluice("release", str(endpoint), "--version", "1")
    assert first.returncode == 0, first.stdout + first.stderr
    with users(endpoint, tmp_path / "users.jsonl", 40) as seen:
        second = sluice("release", str(endpoint), "--version", "2")
        state = newest(prepared, "tumour").state()
    assert second.returncode == 0, second.stdout + second.stderr + state.reason
    assert (state.outcome, state.passed) == ("promoted", (50,))
    assert registry.alias("tumour-diagnosis", "champion") == "2"
    assert [row for row in seen.answers() if row.status != 200] == []
    assert {row.version for row in seen.answers()} == {"1", "2"}
    wait_until(lambda: told('sluice_version_info{endpoint="tumour",arm="champion"}') == {"2": 1})
    assert told('sluice_release_finished_total{endpoint="tumour",outcome="promoted"}') == {"": 2}
    assert told('sluice_release_phase{endpoint="tumour",phase="idle"}') == {"": 1}
    joined = (
        "sum by (endpoint, model_version) (envoy_sluice_requests) * on (endpoint, model_version)"
    )
    of_champion = 'group_left (arm) sluice_version_info{endpoint="tumour",arm="champion"}'
    assert told(f"{joined} {of_champion}")["2"] > 0


def told(query: str) -> dict[str, float]:
    """What Prometheus answers, by version."""
    url = prometheus_server.url(ports.kept(find_home()))
    answer = httpx.get(f"{url}/api/v1/query", params={"query": query}, trust_env=False).json()
    return {
        one["metric"].get("model_version", ""): float(one["value"][1])
        for one in answer["data"]["result"]
    }


def test_a_model_of_one_s_own_is_registered_and_released(
    prepared: Platform, registry: Registry, tmp_path: Path
) -> None:
    """As its author logged it, it is refused with the command that helps; then it is released.

    Then it answers its own example through every door of the gateway.
    """
    import mlflow.sklearn
    from mlflow.models import infer_signature
    from sklearn.linear_model import LogisticRegression

    rows = pd.DataFrame({"width": [float(n) for n in range(60)]})
    labels = ["low" if n < 30 else "high" for n in range(60)]
    model = LogisticRegression(max_iter=1000).fit(rows, labels)
    mlflow.set_tracking_uri(prepared.registry.url)
    mlflow.sklearn.log_model(
        model,
        name="own",
        registered_model_name="own",
        signature=infer_signature(rows, model.predict(rows)),
        input_example=rows.iloc[[0, 59]],
        serialization_format="skops",
        pip_requirements=["scikit-learn", "skops"],
    )
    rows.assign(label=labels).to_csv(tmp_path / "rows.csv", index=False)
    endpoint = tmp_path / "own.yaml"
    content = {
        "name": "own",
        "model": "own",
        "evaluation": {
            "dataset": {"uri": (tmp_path / "rows.csv").as_uri(), "target": "label"},
            "accuracy": {"min": 0.9},
            "latency": {"p95_ms": 5000, "concurrency": 1},
        },
        "serving": {"runtime": "mlflow"},
    }
    endpoint.write_text(yaml.safe_dump(content))

    (logged,) = mlflow.MlflowClient().search_model_versions("name = 'own'")
    refused = sluice("release", str(endpoint), "--version", str(logged.version))
    assert refused.returncode == 1
    assert "sluice register MODEL_DIR --model NAME" in refused.stdout

    made = sluice("register", f"models:/own/{logged.version}", "--model", "own", "--json")
    assert made.returncode == 0, made.stderr
    version = json.loads(made.stdout)["version"]
    released = sluice("release", str(endpoint), "--version", version)
    assert released.returncode == 0, released.stdout + released.stderr
    assert registry.alias("own", "champion") == version

    gateway = prepared.gateway
    headers = {"x-api-key": gateway.key("demo"), "x-sluice-endpoint": "own"}
    with httpx.Client(base_url=gateway.url, headers=headers, trust_env=False) as client:
        address = gateway.url.removeprefix("http://")
        found = everywhere(client, address, "own", [{"width": 0.0}, {"width": 59.0}], {})
    assert len(found) == 5
    assert all(list(rows.values()) == [["low", "high"]] for rows in found.values())

"""What Prometheus' own tool says of rules and expressions."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from local.servers.prometheus_server import binary


def promtool(*arguments: str) -> None:
    """Run it; it must find nothing wrong."""
    done = subprocess.run(
        [str(binary("promtool")), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def try_cases(folder: Path, cases: Mapping[str, Any]) -> None:
    """Try a test file's content; the rules that it names lie in ``folder``."""
    file = folder / "cases.yaml"
    file.write_text(yaml.safe_dump(cases), encoding="utf-8")
    promtool("test", "rules", str(file))


def try_query(
    folder: Path,
    query: str,
    series: Mapping[str, str],
    at_s: int,
    samples: Sequence[Mapping[str, Any]],
) -> None:
    """A Prometheus that scrapes ``series`` each second answers ``query`` so at ``at_s``."""
    tried = {
        "interval": "1s",
        "input_series": [{"series": name, "values": of} for name, of in series.items()],
        "promql_expr_test": [
            {"expr": query, "eval_time": f"{at_s}s", "exp_samples": list(samples)}
        ],
    }
    try_cases(folder, {"evaluation_interval": "1s", "tests": [tried]})

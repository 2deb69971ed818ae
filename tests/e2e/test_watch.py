"""`sluice up --watch`: somebody sets an alias in MLflow, and no other command is needed."""

import json
from pathlib import Path

import yaml

from components.platform import Platform
from components.registry import Registry, names
from tests.support.copied import copied
from tests.support.releases import Recorded, sluice
from tests.support.waiting import wait_until

ENDPOINT = Path(__file__).parents[2] / "endpoints" / "tumour.yaml"
NAME = "watched"
FIRST = f"rel-{NAME}-v1-1"


def test_an_alias_that_is_set_is_one_release_that_nobody_began(
    prepared: Platform, registry: Registry, tmp_path: Path
) -> None:
    settings = yaml.safe_load(ENDPOINT.read_text())
    copied(registry.url, settings["model"], NAME, ("1",))
    settings |= {"name": NAME, "model": NAME}
    settings["evaluation"]["latency"] = {"p95_ms": 5000, "concurrency": 1}
    file = tmp_path / "watched.yaml"
    file.write_text(yaml.safe_dump(settings))
    assert sluice("apply", str(file)).returncode == 0
    up = sluice("up", "--watch")
    try:
        assert up.returncode == 0, up.stderr
        assert "begin when somebody sets the alias" in up.stdout
        shown = json.loads(sluice("status", "--json").stdout)["servers"]
        assert "watcher" in {line["name"] for line in shown}
        registry.set_alias(NAME, names.CANDIDATE, "1")
        release = Recorded(prepared, FIRST)
        wait_until(lambda: release.exists() and bool(release.state().outcome), 120, "its end")
        assert release.state().outcome == "promoted"
        wait_until(lambda: FIRST not in prepared.records.pending())
        assert registry.alias(NAME, names.CHAMPION) == "1"
        assert registry.alias(NAME, names.CANDIDATE) is None
    finally:
        assert sluice("up", "--no-watch").returncode == 0
    shown = json.loads(sluice("status", "--json").stdout)["servers"]
    assert "watcher" not in {line["name"] for line in shown}
    assert [each for each in prepared.records.releases() if NAME in each] == [FIRST]

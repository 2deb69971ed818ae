"""Each step in a process of its own, as a pod runs it: no disk in common with the step before.

A process gets an empty home, an empty working folder, and of the environment only where the
platform is (`$SLUICE_HOME` is the laptop's address, as a kubeconfig is a cluster's). So whatever a
step needs of the one before, it must get from the platform.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli._endpoint import apply
from components.backtest.replay import replay
from components.platform import Platform
from components.registry import Registry
from tests.support.releases import QUICK_JUDGE, Recorded, released_under_users


class Pods:
    """Runs steps as pods do, one after another."""

    def __init__(self, folder: Path, release_id: str) -> None:
        self._folder = folder
        self._release_id = release_id
        self.left: list[Path] = []
        """What steps have written into their homes and working folders."""

    def run(self, step: str, **parameters: str) -> dict[str, Any]:
        """The step's outputs."""
        pod = self._folder / f"{len(list(self._folder.iterdir()))}-{step}"
        home, work, scratch, outputs = (pod / n for n in ("home", "work", "tmp", "outputs"))
        for folder in (home, work, scratch):
            folder.mkdir(parents=True)
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in parameters.items()]
        done = subprocess.run(
            [
                *(sys.executable, "-m", "components", step, *flags),
                *(f"--release-id={self._release_id}", f"--outputs={outputs}"),
            ],
            cwd=work,
            env={
                "PATH": os.defpath,
                "HOME": str(home),
                "TMPDIR": str(scratch),
                "SLUICE_HOME": os.environ["SLUICE_HOME"],
                "SLUICE_ENGINE": "a workflow",
            },
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        self.left += [*home.rglob("*"), *work.rglob("*"), *scratch.rglob("*")]
        fields: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        assert {path.name for path in outputs.iterdir()} == set(fields)
        return fields


@pytest.mark.timeout(600)
def test_a_whole_release_runs_with_each_step_in_a_process_of_its_own(
    prepared: Platform, registry: Registry, tmp_path: Path
) -> None:
    # Nobody renews the lease between two pods: it must outlive the start of the slowest.
    release = {"steps": [50, 100], "watch": "4s", "lease": "5m", "judge": QUICK_JUDGE}
    with released_under_users(registry, tmp_path, "pods", "2", **release) as (file, _):
        apply(prepared, str(file))
        file.unlink()  # a pod has no endpoint's file: the platform knows it
        pods = Pods(tmp_path / "pods", "pods-v4-by-hand")
        (tmp_path / "pods").mkdir()
        fetched = pods.run("fetch", endpoint="pods", version="4")
        assert (fetched["candidate"], fetched["champion"]) == ("4", "2")
        assert pods.run("evaluate")["strategy"] == "canary"
        assert pods.run("deploy") == {"versions": "2,4"}
        assert pods.run("shift", stage="1")["percent"] == 50
        assert pods.run("watch", stage="1")["verdict"] == "PROMOTE"
        assert pods.run("promote")["outcome"] == "promoted"
        assert pods.run("finalize")["outcome"] == "promoted"
    assert pods.left == []
    lines = Recorded(prepared, "pods-v4-by-hand").lines()
    assert replay(lines).difference is None
    assert prepared.traffic.weights("pods") == {"4": 100}
    assert prepared.leases.read("pods") is None

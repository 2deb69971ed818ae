"""A release that waits for a person, with real servers and the real engine."""

import getpass
import json
import subprocess
from pathlib import Path

from components.platform import Platform
from components.record import Decided, of
from components.registry import Registry
from tests.support.releases import MODEL, SLUICE, newest, released_file, sluice
from tests.support.waiting import wait_until

NAME = "approved"


def test_a_release_waits_until_the_user_of_the_system_approves(
    prepared: Platform, registry: Registry, tmp_path: Path
) -> None:
    path = released_file(tmp_path, NAME, steps=[100], approval="required")
    registry.delete_alias(MODEL, "champion")
    prepared.traffic.set_weights(NAME, {})
    command = [SLUICE, "release", str(path), "--version", "2", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:

        def waits() -> bool:
            assert process.poll() is None
            lease = prepared.leases.read(NAME)
            return lease is not None and bool(lease.waits)

        wait_until(waits, 120, "a step that is held")
        assert prepared.traffic.weights(NAME) == {}
        (seen,) = [
            each
            for each in json.loads(sluice("status", "--json").stdout)["releases"]
            if each["endpoint"] == NAME
        ]
        assert seen["waits"].startswith("it waits for approval")
        done = sluice("approve", str(path), "--reason", "seen by two", "--json")
        assert json.loads(done.stdout)["by"] == getpass.getuser()
        out, _ = process.communicate(timeout=60)
    assert json.loads(out)["outcome"] == "promoted"
    assert process.returncode == 0
    (decided,) = of(newest(prepared, NAME).lines(), Decided)
    assert (decided.says, decided.by, decided.reason) == (
        "approve",
        getpass.getuser(),
        "seen by two",
    )
    assert prepared.traffic.weights(NAME) == {"2": 100}

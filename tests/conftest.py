"""Fixtures that more than one room uses."""

import os
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from components.platform import Platform
from components.registry import Registry

STARTS_SERVERS = {
    *("platform", "lab"),  # the laptop's
    *("predictor", "slow", "start_predictor"),  # predictors of the tests' own
    "chromium",
    "alertmanager",
}
"""Fixtures that start servers, or a browser."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what starts servers, or is in a room of such tests, for `make unit` to leave out.

    What needs a Kubernetes is left out unless it is asked for, as `make cluster-test` does.
    """
    if "cluster" not in config.option.markexpr:
        left_out = [item for item in items if item.get_closest_marker("cluster")]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)
    for item in items:
        asked = STARTS_SERVERS & set(getattr(item, "fixturenames", ()))
        call = getattr(item, "callspec", None)
        on_servers = call is not None and call.params.get("rig", "memory") != "memory"
        if asked or on_servers or item.nodeid.startswith("tests/e2e/"):
            item.add_marker("servers")


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform of its own, up; afterwards it is down and no process of it is left.

    `$SLUICE_TEST_HOME` names a platform to use and to leave up instead: for writing tests.
    """
    from local.home import find_home
    from local.platform.connect import connect
    from local.servers import supervision

    kept = os.environ.get("SLUICE_TEST_HOME")
    os.environ["SLUICE_HOME"] = kept or str(tmp_path_factory.mktemp("sluice"))
    sluice = str(Path(sysconfig.get_path("scripts"), "sluice"))
    home = find_home()
    try:
        subprocess.run([sluice, "up"], check=True, timeout=240)
        connected = connect()
        yield connected
        # A connection that is still open at the end of the session is an error.
        cast(Registry, connected.registry).close()
    finally:
        if not kept:
            subprocess.run([sluice, "down"], check=True, timeout=120)
        left = [] if kept else supervision.survivors(home)
        del os.environ["SLUICE_HOME"]
    assert left == []


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's program."""
    script = Path(__file__).with_name("get_chromium.sh")
    found = subprocess.run(["/bin/sh", script], capture_output=True, text=True, check=False)
    if found.returncode != 0:
        pytest.skip(found.stderr.splitlines()[-1])
    return found.stdout.split()[0]

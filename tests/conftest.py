"""Fixtures that more than one room uses."""

import os
import subprocess
import sysconfig
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, cast

import httpx
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from cluster.api import Api
from cluster.embedded.home import find_home
from components.platform import Platform
from components.registry import Registry
from tests.support.embedded import Embedded
from tests.support.traces import traces

if TYPE_CHECKING:
    from tests.support.rigs import KubernetesRig

STARTS_SERVERS = {
    *("platform", "lab"),  # the laptop's
    *("predictor", "slow", "start_predictor"),  # predictors of the tests' own
    "chromium",
    "alertmanager",
}
"""Fixtures that start servers, or a browser."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what starts servers, or is in a room of such tests, for `make unit` to leave out.

    What needs a Kubernetes is left out unless it is asked for, as `make cluster-test` does; what
    needs an installation there, unless ``$KUBECONFIG`` names a cluster.
    """
    if "cluster" not in config.option.markexpr:
        left_out = [item for item in items if item.get_closest_marker("cluster")]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)
    else:
        items.sort(key=lambda item: _LONGEST_FIRST.index(_group(item.nodeid)))
    if "KUBECONFIG" not in os.environ:
        left_out = [item for item in items if "on_cluster" in getattr(item, "fixturenames", ())]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)
    for item in items:
        asked = STARTS_SERVERS & set(getattr(item, "fixturenames", ()))
        call = getattr(item, "callspec", None)
        on_servers = call is not None and call.params.get("rig", "memory") != "memory"
        if asked or on_servers or item.nodeid.startswith("tests/e2e/"):
            item.add_marker("servers")


_GROUPS = {
    "tests/on_cluster/test_adopt.py": "adopt",
    "tests/on_cluster/test_approval.py": "people",
    "tests/on_cluster/test_held.py": "people",
    "tests/on_cluster/test_shadow.py": "people",
    "tests/on_cluster/test_deleted.py": "kept",
    "tests/on_cluster/test_eviction.py": "kept",
    "tests/on_cluster/test_gitops.py": "kept",
    "tests/on_cluster/test_long_requests.py": "kept",
    "tests/on_cluster/test_tidied_up.py": "kept",
    "tests/on_cluster/test_two_teams.py": "kept",
    "tests/on_cluster/test_road.py": "road",
    "tests/on_cluster/test_scaling.py": "scaling",
    "tests/contract/test_baseline.py": "predictors",
    "tests/contract/test_mirror.py": "predictors",
    "tests/contract/test_scaling.py": "predictors",
    "tests/contract/test_serving.py": "predictors",
}
"""Of the tests on a cluster; each file that is not here is of the contract's or of the others."""
_LONGEST_FIRST = (
    "others",
    "people",
    "kept",
    "predictors",
    "road",
    "scaling",
    "contract",
    "adopt",
)


def _group(nodeid: str) -> str:
    file = nodeid.partition("::")[0]
    on_cluster = file.startswith("tests/on_cluster/")
    return _GROUPS.get(file, "others" if on_cluster else "contract")


class _Groups(LoadScopeScheduling):  # type: ignore[misc] # xdist ships no types
    """A worker takes all tests of a group, one after the other.

    A small node has room for three groups' pods. What breaks the cluster's own parts comes when
    the releases of its group are over. (xdist's own `loadgroup` groups nothing with pytest 9.2:
    pytest-xdist issue 1386.)
    """

    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling | None:
    """By groups where a cluster is asked."""
    return _Groups(config, log) if "cluster" in config.option.markexpr else None


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform of its own, up; afterwards it is down and no process of it is left.

    `$SLUICE_TEST_HOME` names a platform to use and to leave up instead: for writing tests.
    """
    from local.home import find_home as find_laptop
    from local.platform.connect import connect
    from local.servers import supervision

    kept = os.environ.get("SLUICE_TEST_HOME")
    os.environ["SLUICE_HOME"] = kept or str(tmp_path_factory.mktemp("sluice"))
    sluice = str(Path(sysconfig.get_path("scripts"), "sluice"))
    home = find_laptop()
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
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """An embedded cluster of its own, up; afterwards it is down and nothing of it is left.

    `$SLUICE_TEST_CLUSTER` names a folder whose cluster is used and left up instead.
    """
    if os.environ.get("KUBECONFIG"):
        pytest.skip("KUBECONFIG names another cluster: unset it to try the embedded one")
    kept = os.environ.get("SLUICE_TEST_CLUSTER")
    os.environ["SLUICE_CLUSTER_HOME"] = kept or str(tmp_path_factory.mktemp("cluster"))
    sluice = str(Path(sysconfig.get_path("scripts"), "sluice"))
    home = find_home()
    before = traces(home.path, home.node)
    try:
        done = subprocess.run(
            [sluice, "cluster", "up"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"
        yield Embedded(home)
    finally:
        if not kept:
            subprocess.run([sluice, "cluster", "down"], check=True, timeout=60)
        left = [] if kept else traces(home.path, home.node).left(before)
        del os.environ["SLUICE_CLUSTER_HOME"]
    assert left == []


@pytest.fixture(scope="session")
def kubeconfig(request: pytest.FixtureRequest) -> Path:
    """The administrator's way into a cluster: the one of $KUBECONFIG, else an embedded one."""
    if named := os.environ.get("KUBECONFIG"):
        return Path(named)
    found: Embedded = request.getfixturevalue("embedded")
    return found.home.kubeconfig


@pytest.fixture(scope="session")
def kubernetes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A real API server that knows our kinds of objects: that of ``$KUBECONFIG``, if it is set.

    Else one of its own, without any node or controller.
    """
    from cluster.access import find_access
    from tests.support.apiserver import api_server, define

    with ExitStack() as stack:
        environment = dict(os.environ)
        if "KUBECONFIG" not in environment:
            kubeconfig = stack.enter_context(api_server(tmp_path_factory.mktemp("kubernetes")))
            define(kubeconfig)
            environment["KUBECONFIG"] = str(kubeconfig)
        yield stack.enter_context(closing(Api(find_access(environment))))


@pytest.fixture(scope="session")
def team(kubernetes: Api) -> Iterator[str]:
    """A namespace of the session's own, with what a team's has before its first endpoint."""
    from cluster.team import install
    from tests.support.apiserver import NAMESPACE

    name = f"sluice-test-{uuid.uuid4().hex[:8]}"
    kubernetes.create(NAMESPACE, "", NAMESPACE.object({"name": name}))
    install(kubernetes, name)
    yield name
    kubernetes.delete(NAMESPACE, "", name)


@pytest.fixture(scope="session")
def on_cluster(kubernetes: Api) -> "Iterator[KubernetesRig]":
    """The installation in a cluster: the namespace in use is a team's."""
    from cluster import connect, settings
    from cluster.kinds import NAMESPACE
    from tests.support.rigs import ANSWERED_S, KubernetesRig

    namespace = os.environ.get(connect.NAMESPACE) or kubernetes.access.namespace
    connected = connect.platform(kubernetes, namespace, settings.read(kubernetes))
    url = connected.gateway.url
    with httpx.Client(base_url=url, trust_env=False, timeout=ANSWERED_S) as client:
        rig = KubernetesRig(connected, client, kubernetes, namespace)
        # Now, so that every proxy knows it when somebody asks for the first time.
        assert rig.key
        with closing(cast(Registry, connected.registry)):
            yield rig
            if kubernetes.get(NAMESPACE, "", namespace):  # else a test took it away, and all keys
                connected.gateway.revoke(rig.client)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's program."""
    script = Path(__file__).with_name("get_chromium.sh")
    found = subprocess.run(["/bin/sh", script], capture_output=True, text=True, check=False)
    if found.returncode != 0:
        pytest.skip(found.stderr.splitlines()[-1])
    return found.stdout.split()[0]

"""Sluice is removed as its document says: nothing of it is left, and no namespace hangs.

The very last of all tests: afterwards there is no installation.
"""

import os
import re
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest

from cluster.api import Api
from cluster.embedded import lifecycle
from cluster.embedded.home import REPOSITORY, find_home
from cluster.kinds import NAMESPACE
from cluster.proxies import owned_by
from cluster.settings import read
from components.platform import Platform
from tests.support.killing import pods
from tests.support.releases import SLUICE
from tests.support.rigs import KubernetesRig
from tests.support.road import LONGEST_S, road
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(1800)]

PAGE = REPOSITORY / "docs" / "installation.md"
SECTION = "## Removing it"
TEAM = "demo"
"""The document's."""
OVERLAYS = {"document": "manifests/overlays/kind", "here": "manifests/overlays/embedded"}
OF_THE_CLUSTER = "clusterroles,clusterrolebindings,customresourcedefinitions,namespaces"
POLICIES = "validatingadmissionpolicies,validatingadmissionpolicybindings"
NODES_OWN = "clusterrolebinding.rbac.authorization.k8s.io/sluice:kube-proxy"
"""What the embedded cluster's own programs may, which is not Sluice's."""
REMOVED_S = 600.0
"""A command that hangs is told before the test is."""
RELEASE: dict[str, Any] = {
    "steps": [50, 100],
    "watch": "600s",
    "poll": "2s",
    "lease": "60s",
    # Predictors share two cores: no latency decides here.
    "judge": {"method": "threshold", "min_requests": 100000},
}


def documented() -> list[str]:
    """The commands of the document's section, in their order."""
    section = PAGE.read_text(encoding="utf-8").split(f"\n{SECTION}\n")[1].split("\n## ")[0]
    [block] = re.findall(r"^```\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    return [line.partition(" #")[0].strip() for line in block.splitlines()]


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """An environment in which the commands find their programs."""
    kubectl = tmp_path / "kubectl"
    program = " ".join(lifecycle.kubectl(find_home()).program)
    kubectl.write_text(f'#!/bin/sh\nexec {program} "$@"\n')
    kubectl.chmod(0o700)
    found = os.pathsep.join([str(tmp_path), str(Path(SLUICE).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": found}


def run(command: str, environment: dict[str, str]) -> str:
    """What a command prints, which succeeds."""
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=REMOVED_S,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_the_document_s_commands_leave_nothing(
    prepared: Platform,
    kubernetes: Api,
    on_cluster: KubernetesRig,
    shell: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    assert on_cluster.namespace == TEAM
    folder = tmp_path_factory.getbasetemp() / f"removed-{uuid.uuid4().hex[:6]}"
    folder.mkdir()
    gateway = read(kubernetes).gateway
    made = road(prepared, kubernetes, TEAM, folder, **RELEASE)
    with made.begun("1", watched=0) as first:
        assert made.ended(first) == "promoted", first.state().reason
    rollback, *others = (
        each.replace("ENDPOINT", made.endpoint).replace(OVERLAYS["document"], OVERLAYS["here"])
        for each in documented()
    )
    with made.begun("2") as release:

        def shared() -> bool:
            return release.exists() and (release.state().weights or {}).get("2", 0) > 0

        wait_until(shared, LONGEST_S, "the candidate's share")
        run(rollback, shell)
        assert made.ended(release) == "rolled_back"
    assert [each for each in others if OVERLAYS["here"] in each]
    for each in others:
        run(each, shell)
    assert run(f"kubectl get -k {OVERLAYS['here']} --ignore-not-found -o name", shell) == ""
    left = run(f"kubectl get {OF_THE_CLUSTER},{POLICIES} -o name", shell).splitlines()
    left += run("kubectl get rolebindings,roles --all-namespaces -o name", shell).splitlines()
    assert [each for each in left if "sluice" in each and each != NODES_OWN] == []
    assert {TEAM, f"{TEAM}-runs"} & {
        each["metadata"]["name"] for each in kubernetes.list(NAMESPACE, "")
    } == set()
    labels = owned_by(gateway)
    wait_until(lambda: not pods(kubernetes, gateway.proxies, labels), 120, "the end of the proxies")

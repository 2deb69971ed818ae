"""Programs of this machine in the cluster's network."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from cluster.embedded import inside, network
from cluster.embedded.home import Home
from components.errors import PlatformError
from tests.support.embedded import Embedded

SLUICE = str(Path(sysconfig.get_path("scripts"), "sluice"))
ASKS = """import os, socket, sys
print(socket.gethostbyname("kubernetes.default"), os.path.exists(sys.argv[1]))
print([key for key in os.environ if key.lower().endswith("_proxy")])
sys.exit(7)
"""


def test_without_a_cluster_it_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match="run 'sluice cluster up'"):
        inside.run(Home(tmp_path), ["true"])


@pytest.mark.cluster
@pytest.mark.timeout(900)
def test_a_program_has_the_cluster_s_names_and_this_machine_s_files(embedded: Embedded) -> None:
    done = subprocess.run(
        [SLUICE, "cluster", "run", sys.executable, "-c", ASKS, str(embedded.home.kubeconfig)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"https_proxy": "http://127.0.0.1:9"},
    )
    assert done.stdout.splitlines() == [f"{network.KUBERNETES} True", "[]"], done.stderr
    assert done.returncode == 7

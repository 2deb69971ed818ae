"""What a user of a kubeconfig has of a cluster, and nothing else: the API server's one door."""

import json
import os
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from cluster.access import find_access
from cluster.access.forward import Forwards
from cluster.api import Api
from cluster.connect import platform, reached
from cluster.embedded.controllers.sluice import TEAM
from cluster.settings import read
from components.record import Record
from tests.support.embedded import Embedded
from tests.support.worlds import quick

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

Sluice = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def sluice(embedded: Embedded) -> Sluice:
    """The command on the embedded cluster, from this machine's own network."""
    more = {
        "KUBECONFIG": str(embedded.home.kubeconfig),
        "SLUICE_PLATFORM": "cluster",
        "SLUICE_NAMESPACE": TEAM,
    }
    program = str(Path(sysconfig.get_path("scripts"), "sluice"))

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [program, *arguments],
            env={**os.environ, **more},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_up_finds_nothing_to_mend(sluice: Sluice) -> None:
    done = sluice("up", "--json")
    bad = [each for each in json.loads(done.stdout) if each["fix"]]
    assert (bad, done.returncode) == ([], 0)


def test_status_shows_every_server(sluice: Sluice) -> None:
    done = sluice("status", "--json")
    told = json.loads(done.stdout)
    assert {"mlflow", "postgres", "prometheus", "reaper", "relay", "s3"} <= {
        each["name"] for each in told["servers"]
    }
    assert told["healthy"], told["servers"]


def test_a_release_is_listed_shown_and_reported_and_its_record_is_the_same_anywhere(
    sluice: Sluice, embedded: Embedded, tmp_path: Path
) -> None:
    told = quick()
    told.walk("2", "from-elsewhere")
    content = Record(told.world.platform.records, "from-elsewhere", told.world.clock).content()
    api = Api(find_access({"KUBECONFIG": str(embedded.home.kubeconfig)}))
    records = platform(api, TEAM, reached(read(api), Forwards(api))).records
    if "from-elsewhere" not in records.releases():
        assert records.append("from-elsewhere", 0, content)
        records.close("from-elsewhere")
    assert "from-elsewhere" in sluice("releases").stdout
    assert "the chain of hashes is intact" in sluice("show", "from-elsewhere").stdout
    page = tmp_path / "report.html"
    done = sluice("report", "from-elsewhere", "--out", str(page))
    assert done.returncode == 0, done.stderr
    assert "from-elsewhere" in page.read_text()
    assert b"".join(records.read("from-elsewhere", 0)) == content


def test_a_server_of_the_cluster_answers_a_user_who_has_but_a_kubeconfig(
    embedded: Embedded,
) -> None:
    access = find_access({"KUBECONFIG": str(embedded.home.kubeconfig)})
    ways = Forwards(Api(access))
    there = "http://prometheus.sluice-system:9090"
    here = ways.url(there)
    assert here.startswith("http://127.0.0.1:")
    assert ways.url(there) == here
    with httpx.Client(base_url=here, trust_env=False, timeout=60) as client:
        answers = [client.get("/api/v1/query", params={"query": "up"}) for _ in range(3)]
        assert {each.json()["status"] for each in answers} == {"success"}
        # More than one frame holds.
        assert len(client.get("/metrics").content) > 2**16


def test_no_connection_of_many_hangs(embedded: Embedded) -> None:
    """One in a hundred did, while one thread read what another wrote to."""
    access = find_access({"KUBECONFIG": str(embedded.home.kubeconfig)})
    here = Forwards(Api(access)).url("http://prometheus.sluice-system:9090")
    for _ in range(200):
        httpx.get(f"{here}/-/ready", trust_env=False, timeout=10).raise_for_status()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://nobody.sluice-system:80", "namespace sluice-system has no service nobody"),
        ("https://kubernetes.default:443", "the service chooses no pods"),
    ],
)
def test_where_there_is_no_way_the_connection_ends_and_the_log_says_why(
    embedded: Embedded, caplog: pytest.LogCaptureFixture, url: str, why: str
) -> None:
    access = find_access({"KUBECONFIG": str(embedded.home.kubeconfig)})
    here = Forwards(Api(access)).url(url)
    with pytest.raises(httpx.TransportError):
        httpx.get(here, trust_env=False)
    assert why in caplog.text

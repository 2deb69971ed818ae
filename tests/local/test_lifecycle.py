"""Starting, killing, healing and stopping a whole platform, by the commands that users type."""

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import httpx
import psutil
import pytest

from components.disk import replace_json
from components.platform import Lease
from local import credentials, predictors
from local.home import LONGEST_SOCKET_PATH, Home
from local.platform.connect import connect
from local.servers import mlflow_server, ports, prometheus_server, supervision
from tests.support.stands import stand, upstreams
from tests.support.waiting import wait_until

SERVERS = ("postgres", "s3", "mlflow", "gateway", "exporter", "prometheus", "alertmanager")
Sluice = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with spaces in its path, so deep that no unix socket fits into it."""
    deep = tmp_path_factory.mktemp("deep") / ("a folder with a long name " * 5).strip()
    assert len(os.fsencode(deep)) > LONGEST_SOCKET_PATH
    return Home(deep)


@pytest.fixture(scope="module")
def sluice(lab: Home) -> Iterator[Sluice]:
    """The command line, on the lab's home."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(Path(sysconfig.get_path("scripts"), "sluice")), *arguments],
            env=os.environ | {"SLUICE_HOME": str(lab.path), "COLUMNS": "80"} | environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    yield run
    run("down")
    assert supervision.survivors(lab) == []


@pytest.fixture
def up(sluice: Sluice, lab: Home) -> Home:
    done = sluice("up")
    assert done.returncode == 0, done.stderr
    return lab


def pids(home: Home) -> dict[str, int]:
    found = {process.name: process.pid for process in supervision.processes(home)}
    return {name: pid for name in SERVERS if (pid := found[name]) is not None}


def states(sluice: Sluice) -> dict[str, str]:
    shown = json.loads(sluice("status", "--json").stdout)["servers"]
    return {line["name"]: line["state"] for line in shown if line["name"] in SERVERS}


def test_a_second_up_is_harmless(up: Home, sluice: Sluice) -> None:
    before = pids(up)
    assert set(before) == set(SERVERS)
    assert sluice("up").returncode == 0
    assert pids(up) == before


SAMPLE = ("gateway", "postgres")


@pytest.mark.parametrize(
    "name",
    [pytest.param(one, marks=() if one in SAMPLE else pytest.mark.long) for one in SERVERS],
)
def test_up_heals_a_killed_server(up: Home, sluice: Sluice, name: str) -> None:
    os.kill(pids(up)[name], signal.SIGKILL)
    done = sluice("up")
    assert done.returncode == 0, done.stderr
    assert states(sluice) == dict.fromkeys(SERVERS, "ok")


def test_up_heals_a_dead_supervisor_whose_servers_live_on(
    up: Home, sluice: Sluice, monkeypatch: pytest.MonkeyPatch
) -> None:
    orphans = set(pids(up).values())
    parent = psutil.Process(next(iter(orphans))).ppid()
    os.kill(parent, signal.SIGKILL)
    wait_until(lambda: not psutil.pid_exists(parent))
    monkeypatch.setenv("SLUICE_HOME", str(up.path))
    without = connect()
    with upstreams() as served, stand(without, "orphaned", served, rps=100) as found:
        found.split({"1": 50, "2": 50})
        # Its engine was killed as well.
        without.leases.swap("orphaned", None, Lease("orphaned", "r", "test", 1.0, {"1": 100}))
        wait_until(lambda: without.traffic.weights("orphaned") == {"1": 100})
        without.traffic.wait_in_force("orphaned", {"1": 100}, timeout=5)
        found.split({})
    assert "has lost its supervisor" in sluice("doctor").stdout
    assert sluice("up").returncode == 0
    assert states(sluice) == dict.fromkeys(SERVERS, "ok")
    assert orphans.isdisjoint(pids(up).values())


def test_up_mends_a_gateway_whose_folder_was_deleted(up: Home, sluice: Sluice) -> None:
    shutil.rmtree(up.path / "gateway")
    done = sluice("up")
    assert done.returncode == 0, done.stderr
    done = sluice("keys", "add", "later")
    assert done.returncode == 0, done.stderr


def test_up_mends_a_gateway_that_watches_a_folder_that_is_gone(up: Home, sluice: Sluice) -> None:
    (up.path / "gateway").rename(up.path / "gateway.old")
    shutil.copytree(up.path / "gateway.old", up.path / "gateway")
    shutil.rmtree(up.path / "gateway.old")
    done = sluice("keys", "rotate", "demo")
    assert "the gateway does not follow its files: run 'sluice up'" in done.stderr
    for command in (("up",), ("keys", "rotate", "demo")):
        done = sluice(*command)
        assert done.returncode == 0, done.stderr


def test_nothing_is_lost_when_every_process_is_killed_at_once(up: Home, sluice: Sluice) -> None:
    kept = ports.kept(up)
    artifact = f"{mlflow_server.url(kept)}/api/2.0/mlflow-artifacts/artifacts/kept/note.txt"
    models = f"{mlflow_server.url(kept)}/api/2.0/mlflow/registered-models"
    samples = f"{prometheus_server.url(kept)}/api/v1/query"
    with httpx.Client(trust_env=False, timeout=20) as client:
        client.post(f"{models}/create", json={"name": "kept"}).raise_for_status()
        client.put(artifact, content=b"kept").raise_for_status()
        asked = {"query": 'count_over_time(up{job="gateway"}[1h])', "time": str(time.time())}

        def scraped() -> int:
            found = client.get(samples, params=asked).json()["data"]["result"]
            return int(found[0]["value"][1]) if found else 0

        wait_until(lambda: scraped() > 0)
        before = scraped()
        for process in supervision.survivors(up):
            process.kill()
        wait_until(lambda: supervision.survivors(up) == [])
        done = sluice("up")
        assert done.returncode == 0, done.stderr
        client.get(f"{models}/get", params={"name": "kept"}).raise_for_status()
        assert client.get(artifact).content == b"kept"
        assert scraped() >= before


def test_predictors_are_billed_until_a_crash_or_down_and_again_from_up_on(
    up: Home, sluice: Sluice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICE_HOME", str(up.path))
    file = up.serving / "billed-v1.json"
    backend = predictors.Backend("billed", "1", *ports.choose(2))
    replace_json(file, {"backend": asdict(backend), "price": "local/machine"})
    try:
        connect().serving.note()
        (first,) = connect().serving.spans("billed")
        assert (first.version, first.price, first.end) == ("1", "local/machine", None)
        crashed = time.time()
        for process in supervision.survivors(up):
            process.kill()
        wait_until(lambda: supervision.survivors(up) == [])
        again = sluice("up")
        assert again.returncode == 0
        found = connect().serving.spans("billed")
        assert len(found) == 2, (found, crashed, again.stderr)
        first, second = found
        assert first.end is not None
        assert first.start <= first.end <= crashed <= second.start
        assert second.end is None
        down = time.time()
        assert sluice("down").returncode == 0
        stopped = time.time()
        assert sluice("up").returncode == 0
        _, second, third = connect().serving.spans("billed")
        assert second.end is not None
        assert down <= second.end <= stopped <= third.start
        assert third.end is None
    finally:
        file.unlink()


def test_up_refuses_a_disk_that_is_nearly_full(sluice: Sluice) -> None:
    done = sluice("up", SLUICE_MIN_FREE_MB="1000000000")
    assert done.returncode == 1
    assert re.fullmatch(r"sluice: only \d+ MB are free under .*\n", done.stderr)


def test_a_damaged_key_file_is_one_line(up: Home, sluice: Sluice) -> None:
    before = up.keys.read_text()
    up.keys.write_text('{"demo": ')
    try:
        done = sluice("up")
    finally:
        up.keys.write_text(before)
    assert done.returncode == 1
    assert re.fullmatch(r"sluice: .*keys\.json:1: not JSON: .*\n", done.stderr)


def test_every_socket_is_on_the_loopback_address(up: Home) -> None:
    ours = {process.pid for process in supervision.survivors(up)}
    listening = [
        connection.laddr[0]
        for connection in psutil.net_connections("inet")
        if connection.pid in ours and connection.status == psutil.CONN_LISTEN and connection.laddr
    ]
    assert len(listening) >= len(ports.NAMES)
    assert set(listening) == {"127.0.0.1"}


def test_no_secret_is_on_a_command_line_in_an_environment_or_in_a_log(up: Home) -> None:
    secrets = [
        *(client.key for client in credentials.clients(up).values()),
        credentials.postgres_password(up),
        credentials.s3_keys(up)[1],
        *re.findall('key = "([^/"]+)"', (up.private / "security.toml").read_text()),
    ]
    assert len(secrets) >= 8
    shown = [
        " ".join([*process.cmdline(), *process.environ().values()])
        for process in supervision.survivors(up)
    ]
    shown += [log.read_text(errors="replace") for log in up.logs.iterdir()]
    assert len(shown) > len(SERVERS)
    for secret in secrets:
        assert all(secret not in text for text in shown)


def test_every_file_with_a_secret_is_closed_to_other_users(up: Home) -> None:
    secret = credentials.clients(up)["demo"].key
    files = [up.keys, *up.private.iterdir(), up.path / "gateway" / "rds.json"]
    assert secret in files[-1].read_text()
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_status_fits_eighty_columns_and_names_what_is_down(up: Home, sluice: Sluice) -> None:
    supervision.stop(up, "prometheus")
    shown = sluice("status")
    assert shown.returncode == 1
    assert re.search(r"prometheus +stopped", shown.stdout)
    table = [line for line in shown.stdout.splitlines() if not line.startswith("logs:")]
    assert max(len(line) for line in table) <= 80


def test_down_leaves_no_process_and_a_second_down_is_harmless(up: Home, sluice: Sluice) -> None:
    assert sluice("down").returncode == 0
    assert supervision.survivors(up) == []
    assert not supervision.running(up)
    sockets = {f"seaweedfs-s3-grpc-{ports.kept(up)['s3_grpc']}.sock"}
    assert sockets.isdisjoint(os.listdir("/tmp"))  # noqa: S108, PTH208 (names are enough)
    assert not up.run.exists()
    assert sluice("down").returncode == 0
    assert set(states(sluice).values()) == {"stopped"}


def test_what_needs_a_platform_says_how_to_start_one(sluice: Sluice) -> None:
    sluice("down")
    done = sluice("releases")
    assert done.returncode == 1
    assert "run 'sluice up'" in done.stderr


def test_a_kept_port_that_another_process_has_taken_is_named(lab: Home, sluice: Sluice) -> None:
    assert sluice("down").returncode == 0
    port = ports.kept(lab)["gateway"]
    with socket.socket() as thief:
        thief.bind(("127.0.0.1", port))
        thief.listen()
        done = sluice("up")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert f"port {port}, kept for gateway, is taken by" in done.stderr
    assert f"process {os.getpid()}" in done.stderr

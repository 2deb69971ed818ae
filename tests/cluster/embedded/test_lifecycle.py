"""A real cluster of this machine. Its end is looked at by the fixture: nothing may be left."""

import json
import struct
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from cluster.embedded import lifecycle, network, node
from tests.support.embedded import Embedded
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

SLUICE = str(Path(sysconfig.get_path("scripts"), "sluice"))


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [SLUICE, "cluster", *arguments], capture_output=True, text=True, check=False, timeout=300
    )


def test_up_again_changes_nothing(embedded: Embedded) -> None:
    before = node.first_process(embedded.home)
    done = run("up")
    assert done.returncode == 0, done.stderr
    _, told = done.stdout.splitlines()
    assert told == f"  export KUBECONFIG={embedded.home.kubeconfig}"
    assert node.first_process(embedded.home) == before


def test_status_names_every_program_and_deployment(embedded: Embedded) -> None:
    done = run("status", "--json")
    # Of deployments there are other tests' too.
    parts = {each["name"]: each["state"] for each in json.loads(done.stdout)["parts"]}
    ours = ("etcd", "kubelet", network.NODE_NAME, "kube-system/coredns", "sluice-system/reaper")
    assert {name: parts.get(name) for name in ours} == dict.fromkeys(ours, "ok")


def test_the_kubeconfig_is_a_way_in_from_outside(embedded: Embedded) -> None:
    path = run("kubeconfig").stdout.strip()
    assert path == str(embedded.home.kubeconfig)
    assert Path(path).stat().st_mode & 0o077 == 0
    names = lifecycle.kubectl(embedded.home).run("get", "nodes", "--output", "name")
    assert names.split() == [f"node/{network.NODE_NAME}"]


ASK = """
import socket, sys
door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
door.settimeout(10)
door.sendto(bytes.fromhex(sys.argv[2]), (sys.argv[1], 53))
print(socket.inet_ntoa(door.recv(512)[-4:]))
"""


def inside(embedded: Embedded, program: str, *arguments: str) -> str:
    pid = node.first_process(embedded.home)
    assert pid
    command = [*node.inside(pid), sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_services_are_found_by_their_names(embedded: Embedded) -> None:
    labels = ("kubernetes", "default", "svc", "cluster", "local")
    name = b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"
    query = struct.pack("!6H", 1, 0x0100, 1, 0, 0, 0) + name + struct.pack("!2H", 1, 1)
    assert inside(embedded, ASK, network.DNS, query.hex()) == network.KUBERNETES


def test_what_dies_in_the_node_is_started_again(embedded: Embedded) -> None:
    find = (
        "import psutil; found = psutil.process_iter(['cmdline']);"
        "print(*[p.pid for p in found if 'kubelet' in (p.info['cmdline'] or ())])"
    )
    before = inside(embedded, find)
    inside(embedded, "import os, sys; os.kill(int(sys.argv[1]), 9)", before)
    wait_until(lambda: inside(embedded, find) not in {"", before})
    # Of deployments there are other tests' too.
    wait_until(
        lambda: all(each.ok for each in lifecycle.status(embedded.home) if "/" not in each.name)
    )

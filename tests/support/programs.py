"""The node's own programs, stopped or held for a while; the embedded cluster's alone."""

import time
import xmlrpc.client
from collections.abc import Iterator
from contextlib import contextmanager

from cluster.api import Api
from cluster.embedded import node
from cluster.embedded.home import find_home
from components.errors import PlatformError
from tests.support.present import present
from tests.support.waiting import wait_until

API_SERVER, KUBELET = "kube-apiserver", "kubelet"


@contextmanager
def stopped(program: str) -> Iterator[None]:
    """End a program, and start it again after the block.

    The API server says nothing before: one that can leaves its own Service, and kube-proxy, which
    asks it alone, may hear a minute late that it is there again. Pods would miss it for as long.
    """
    if program == API_SERVER:
        _ask("signalProcess", program, "STOP")
    _ask("stopProcess", program)
    try:
        yield
    finally:
        _ask("startProcess", program)


def away(program: str, seconds: float) -> None:
    """End a program, and start it again so many seconds later."""
    with stopped(program):
        time.sleep(seconds)


def hung(program: str, seconds: float) -> None:
    """Hold a program for so many seconds: it takes connections, and answers nobody."""
    _ask("signalProcess", program, "STOP")
    try:
        time.sleep(seconds)
    finally:
        _ask("signalProcess", program, "CONT")


def slow(program: str, seconds: float, answer_s: float, between_s: float = 1.0) -> None:
    """Let a program answer for so long once in ``answer_s`` only, for a moment each time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        hung(program, answer_s)
        time.sleep(between_s)


def answers(api: Api) -> None:
    """Wait until the API server answers."""

    def version() -> bool:
        try:
            return bool(api.version())
        except PlatformError:
            return False

    wait_until(version, 60, "an API server that answers")


def _ask(method: str, *arguments: str) -> None:
    """Ask the supervisor, by a connection of its own."""
    from supervisor.xmlrpc import SupervisorTransport

    pid = present(node.first_process(find_home()))
    transport = SupervisorTransport(serverurl=f"unix://{node.supervisor_socket(pid)}")
    with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as asked:
        getattr(asked.supervisor, method)(*arguments)

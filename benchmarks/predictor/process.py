"""One server as a process tree: started, waited for, measured, left alone, ended."""

import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.predictor.contestants import Contestant, Setting

PORT = 18_300
_READY_SECONDS = 120
_SETTLE_SECONDS = 15
_IDLE_SHARE = 0.15
"""Of one core, beside what the server takes when nobody asks: less is idle."""
_QUIET_SHARE = 0.02
"""A server that takes more of one core when nobody asks is stopped meanwhile."""


@dataclass(frozen=True)
class Cpu:
    """Processor seconds so far."""

    main: float
    """Of the first process's first thread, which in ours is the event loop."""
    every: float


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    root: psutil.Process
    url: str
    ready_s: float
    """From its start to its first right answer."""
    background: float = 0.0
    """Share of one core that it takes when nobody asks."""

    def tree(self) -> list[psutil.Process]:
        """The process and all below it."""
        return [self.root, *self.root.children(recursive=True)]

    def cpu(self) -> Cpu:
        """What the tree has spent."""
        first = next(t for t in self.root.threads() if t.id == self.root.pid)
        every = sum(t.user + t.system for t in (p.cpu_times() for p in self.tree()))
        return Cpu(first.user_time + first.system_time, every)

    def load(self, seconds: float) -> float:
        """Share of one core that the tree takes, over so many seconds."""
        before = self.cpu().every
        time.sleep(seconds)
        return (self.cpu().every - before) / seconds

    def settle(self) -> None:
        """Wait until what was asked has been worked off.

        Raises:
            RuntimeError: it is still busy after 15 s.
        """
        until = time.monotonic() + _SETTLE_SECONDS
        while self.load(0.2) > self.background + _IDLE_SHARE:
            if time.monotonic() > until:
                raise RuntimeError(f"still busy {_SETTLE_SECONDS} s after the last request")

    def memory_mb(self) -> float:
        """Proportional set size of the tree: what is shared counts once."""
        return sum(p.memory_full_info().pss for p in self.tree()) / 2**20

    def pause(self) -> None:
        """Stop a server that would disturb others."""
        if self.background > _QUIET_SHARE:
            for process in self.tree():
                process.suspend()

    def resume(self) -> None:
        """Let it go on; the first process last, so that it finds all others alive."""
        if self.background > _QUIET_SHARE:
            for process in reversed(self.tree()):
                process.resume()


@contextmanager
def running(
    contestant: Contestant, setting: Setting, bundle: Path, port: int = PORT
) -> Iterator[Running]:
    """The server, ready; afterwards nothing of it is left.

    Raises:
        RuntimeError: it did not answer, and what it printed; or another process has its port.
    """
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise RuntimeError(f"port {port} is taken: end the process that listens on it")
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as log:
        command = contestant.command(contestant.bin, port, setting, Path(folder))
        variables = contestant.variables(port, setting, bundle)
        began = time.monotonic()
        process = subprocess.Popen(command, env=variables, stdout=log, stderr=log, cwd=".")
        root = psutil.Process(process.pid)
        url = f"http://127.0.0.1:{port}{contestant.path}"
        try:
            while not _answers(url, contestant.body("where is my card?")):
                if process.poll() is not None or time.monotonic() - began > _READY_SECONDS:
                    log.seek(0)
                    tail = log.read()[-2000:].decode(errors="replace")
                    raise RuntimeError(f"{contestant.name}, {setting}, does not answer: {tail}")
                time.sleep(0.05)
            yield Running(root, url, time.monotonic() - began)
        finally:
            _end(process, root)


def _answers(url: str, body: bytes) -> bool:
    request = urllib.request.Request(url, body, {"content-type": "application/json"})  # noqa: S310 our own URL
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 our own URL
            return bool(answer.status == 200)
    except OSError:
        return False


def _end(process: subprocess.Popen[bytes], root: psutil.Process) -> None:
    family = [root, *root.children(recursive=True)] if process.poll() is None else []
    process.terminate()
    _, alive = psutil.wait_procs(family, timeout=8)
    for left in alive:
        left.kill()
    psutil.wait_procs(alive, timeout=8)
    process.wait()

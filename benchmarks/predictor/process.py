"""One server as a process tree: started, waited for, measured, ended."""

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

_PORT = 18_300
_READY_SECONDS = 120


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    root: psutil.Process
    url: str
    ready_s: float
    """From its start to its first right answer."""

    def tree(self) -> list[psutil.Process]:
        """The process and all below it."""
        return [self.root, *self.root.children(recursive=True)]

    def cpu_s(self) -> float:
        """Processor seconds of the tree so far."""
        return sum(t.user + t.system for t in (p.cpu_times() for p in self.tree()))

    def memory_mb(self) -> float:
        """Proportional set size of the tree: what is shared counts once."""
        return sum(p.memory_full_info().pss for p in self.tree()) / 2**20


@contextmanager
def running(contestant: Contestant, setting: Setting, bundle: Path) -> Iterator[Running]:
    """The server, ready; afterwards nothing of it is left.

    Raises:
        RuntimeError: it did not answer; the message ends with what it printed.
    """
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as log:
        command = contestant.command(contestant.bin, _PORT, setting, Path(folder))
        variables = contestant.variables(_PORT, setting, bundle)
        began = time.monotonic()
        process = subprocess.Popen(command, env=variables, stdout=log, stderr=log, cwd=".")
        root = psutil.Process(process.pid)
        url = f"http://127.0.0.1:{_PORT}{contestant.path}"
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

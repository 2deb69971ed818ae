"""A process of its own for code and files of others, with an end to what it may take.

`run` starts it; there, the limits are taken before anything else is imported, and a module's
function ``answer`` is asked. Whatever becomes of it (a crash in a library, endless work, all of the
memory), who asked gets one line.
"""

import ctypes
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

_ANSWER_BYTES = 256 * 1024 * 1024
_SAID_BYTES = 4096
_FILE_BYTES = 4 * 1024 * 1024 * 1024

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_OOM_FIRST = "1000"
_GRACE = 5
"""Seconds of the processor between the signal that can be told from others and the end."""

GIB = 1024**3


@dataclass(frozen=True)
class Limits:
    """What the process may take."""

    seconds: float
    """From its start to its end."""
    memory: int | None = None
    """Bytes of its address space; None for code that is trusted, and may map a whole GPU."""
    processor: int | None = None
    """Seconds of all its threads together; None for code that is trusted."""
    network: bool = True
    """Without, where the kernel lets an ordinary user take it away."""

    @classmethod
    def of_files(cls, size: int, seconds: float) -> "Limits":
        """For libraries that read ``size`` bytes of files that nobody vouches for."""
        cores = os.cpu_count() or 1
        # Each thread has a stack and buffers, most of which are never touched.
        memory = 8 * GIB + cores * GIB // 4 + 8 * size
        return cls(seconds, memory, int(seconds * cores), network=False)

    @classmethod
    def of_models(cls, folders: Sequence[Path], seconds: float, *, trusted: bool) -> "Limits":
        """For opening the models in ``folders``: of time alone if their own code may run."""
        if trusted:
            return cls(seconds)
        found = (path for folder in folders for path in folder.rglob("*"))
        size = sum(path.stat().st_size for path in found if path.is_file())
        return cls.of_files(size, seconds)


class Ended(Exception):
    """The process gave no answer; why, in words without a subject (``it crashed``)."""


def run(module: str, asked: Any, limits: Limits) -> Any:
    """Have ``module`` answer ``asked`` in a process of its own.

    Args:
        module: has a function ``answer`` of one argument.
        asked: that argument, which JSON can say.
        limits: what the process may take.

    Returns:
        What the function returned, as JSON says it.

    Raises:
        Ended: it gave no answer.
    """
    # -P: the folder that this process happens to stand in may be a model's.
    command = [sys.executable, "-B", "-P", "-m", "components.confined", module]
    # An arena for each thread would reserve address space by the gigabyte.
    environment = {**os.environ, "MALLOC_ARENA_MAX": "2"}
    with (
        tempfile.TemporaryFile() as told,
        tempfile.TemporaryFile() as answered,
        tempfile.TemporaryFile() as said,
    ):
        told.write(json.dumps({"limits": asdict(limits), "asked": asked}).encode())
        told.seek(0)
        process = subprocess.Popen(
            command,
            stdin=told,
            stdout=answered,
            stderr=said,
            env=environment,
            start_new_session=True,
        )
        try:
            code = process.wait(limits.seconds)
        except subprocess.TimeoutExpired as error:
            raise Ended(f"it took longer than {limits.seconds:g} s") from error
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        answered.seek(0)
        content = answered.read(_ANSWER_BYTES)
        said.seek(max(0, said.seek(0, os.SEEK_END) - _SAID_BYTES))
        words = said.read().decode(errors="replace").strip()
    if code == 0:
        with suppress(ValueError):
            return json.loads(content)
    raise Ended(_why(code, words, limits))


def _why(code: int, words: str, limits: Limits) -> str:
    if code == -signal.SIGXCPU:
        return f"it took more than {limits.processor} s of the processor"
    last = (words.splitlines() or [""])[-1].strip()
    if "MemoryError" in last or "bad_alloc" in words:
        return f"it needs more than {(limits.memory or 0) / GIB:.0f} GiB of memory"
    if code < 0:
        with suppress(ValueError):
            name = signal.Signals(-code).name
            return f"the library that reads it crashed ({name})"
    return f"the process that opened it ended with code {code}: {last[:500] or 'it said nothing'}"


def _main(module: str) -> NoReturn:
    """In the process: take the limits, ask ``module``, write its answer."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no part of the answer
    told = json.load(sys.stdin)
    _confine(Limits(**told["limits"]))
    content = importlib.import_module(module).answer(told["asked"])
    out.write(json.dumps(content).encode())
    out.flush()
    # Threads that libraries left would be waited for.
    os._exit(0)


def _confine(limits: Limits) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):
        # Where memory runs out, this process goes and not the one that asked.
        Path("/proc/self/oom_score_adj").write_text(_OOM_FIRST, encoding="ascii")
    if not limits.network and libc.unshare(_CLONE_NEWNET) != 0:
        libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
    if limits.memory is not None:
        _lower(resource.RLIMIT_AS, limits.memory)
        _lower(resource.RLIMIT_FSIZE, _FILE_BYTES)
    if limits.processor is not None:
        _lower(resource.RLIMIT_CPU, limits.processor, grace=_GRACE)


def _lower(kind: int, limit: int, grace: int = 0) -> None:
    """Set a limit, unless a lower one holds already."""
    soft, hard = (
        value if value != resource.RLIM_INFINITY else limit + grace
        for value in resource.getrlimit(kind)
    )
    resource.setrlimit(kind, (min(soft, limit), min(hard, limit + grace)))


if __name__ == "__main__":
    _main(sys.argv[1])

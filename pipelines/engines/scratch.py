"""Temporary files of a run: in a folder of its own, so that none of them outlives it."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

_VARIABLE = "TMPDIR"
_PREFIX = "sluice-run-"


@contextmanager
def own_temporary_files() -> Iterator[None]:
    """Let this process and its children write temporary files into a folder that goes at the end.

    What runs that were killed have left is removed first.
    """
    shared = Path(tempfile.gettempdir())
    for left in shared.glob(f"{_PREFIX}*"):
        pid = left.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(left, ignore_errors=True)  # another user's stays: we may not
    folder = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")
    before = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = tempfile.tempdir = folder
    try:
        yield
    finally:
        tempfile.tempdir = None
        del os.environ[_VARIABLE]
        if before is not None:
            os.environ[_VARIABLE] = before
        shutil.rmtree(folder, ignore_errors=True)

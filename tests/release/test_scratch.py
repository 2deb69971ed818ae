"""A step has no disk of its own: nothing is written but below its scratch folder."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.worlds import scene

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = {"os.mkdir", "os.rename", "os.link", "os.symlink", "os.truncate", "shutil.move"}


@contextmanager
def written() -> Iterator[list[str]]:
    """Every path that this process opens for writing or makes while the block runs."""
    paths: list[str] = []
    watching = [True]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if not watching[0]:
            return
        opened = event == "open" and isinstance(arguments[0], str) and arguments[2] & WRITING
        if opened or event in CHANGES:
            paths.append(str(arguments[0]))

    sys.addaudithook(hook)  # for good: Python has no way to take one off
    try:
        yield paths
    finally:
        watching[0] = False


def test_a_release_writes_nothing_but_below_the_scratch_folders_of_its_steps() -> None:
    found = scene()
    scratch = str(Path(tempfile.gettempdir(), "sluice-step-"))
    with written() as paths:
        assert found.walk("2").outcome == "promoted"
    assert any(path.startswith(scratch) for path in paths), "the hook sees nothing"
    ours = [path for path in paths if "__pycache__" not in path]
    assert [path for path in ours if not path.startswith(scratch)] == []

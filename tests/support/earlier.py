"""An earlier Sluice: its tree, out of this repository's history, and its programs."""

import io
import os
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCHEMA_3 = "df1c8bb"
"""The last commit whose records are of schema 3."""


@dataclass(frozen=True)
class Tree:
    """A tree whose programs can be run; they use the libraries of this one's environment."""

    path: Path

    def run(
        self, *arguments: str, timeout: float = 240, **more: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run one of its modules, as ``python -m`` does, with these variables besides."""
        return subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=self.path,
            env={**os.environ, "PYTHONPATH": str(self.path), **more},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )


TODAY = Tree(ROOT)


def unpacked(commit: str, folder: Path) -> Tree:
    """The tree of a commit, in a folder of its own.

    Raises:
        CalledProcessError: the repository's history does not reach so far.
    """
    command = ["git", "archive", "--format=tar", commit]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return Tree(folder)

"""An earlier Sluice: its tree, out of this repository's history, and its programs.

``python -m tests.support.earlier`` builds the image of its steps, and brings it into the node of
the embedded cluster: a test inside of its network could not.
"""

import io
import os
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCHEMA_3 = "df1c8bb"
"""The last commit whose records are of schema 3."""
SCHEMA_4 = "1d4fb8e"
"""The last commit whose records are of schema 4, and the first whose steps pass over what they do
not know in a cluster's settings."""


_NAMES = "from cluster.embedded import containers; print(containers.name('steps'))"
_BUILDS = """
from cluster.embedded import containers, images, node
from cluster.embedded.home import cache, find_home
containers.build("steps", cache())
home = find_home()
images.load_own(home, node.first_process(home), "steps")
"""


@dataclass(frozen=True)
class Tree:
    """A tree whose programs can be run; they use the libraries of this one's environment."""

    path: Path

    def run(
        self, *arguments: str, timeout: float = 240, **more: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run one of its modules, as ``python -m`` does, with these variables besides."""
        return self.python("-m", *arguments, timeout=timeout, **more)

    def python(
        self, *arguments: str, timeout: float = 240, **more: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run Python with its modules."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.path,
            env={**os.environ, "PYTHONPATH": str(self.path), **more},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def image(self) -> str:
        """The name of the image of its steps."""
        done = self.python("-c", _NAMES)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


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


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="sluice-earlier-") as temporary:
        built = unpacked(SCHEMA_4, Path(temporary)).python("-c", _BUILDS, timeout=1200)
        sys.stderr.write(built.stderr)
        sys.exit(built.returncode)

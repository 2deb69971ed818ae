"""Images in the node's containerd: no registry, so each is imported from an archive."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

from cluster.embedded import archive, node
from cluster.embedded.archive import Image
from cluster.embedded.home import INSIDE, Home
from components.programs import output

_CTR = ("ctr", "--namespace", "k8s.io", "images")


def present(pid: int) -> set[str]:
    """The names of the images that the node has.

    Raises:
        PlatformError: containerd does not answer.
    """
    return set(_ctr(pid, "list", "--quiet").split())


def load(home: Home, pid: int, wanted: Iterable[Image]) -> int:
    """Import those of the static images that the node lacks; how many they were."""
    there = present(pid)
    lacking = [image for image in wanted if image.name not in there]
    for image in lacking:
        with tempfile.NamedTemporaryFile(dir=home.path, suffix=".tar") as file:
            archive.write(image, Path(file.name))
            _ctr(pid, "import", str(INSIDE / Path(file.name).name))
    return len(lacking)


def load_archive(pid: int, name: str, path: Path) -> None:
    """Import an image of ours from its archive, if the node lacks it."""
    if name not in present(pid):
        _ctr(pid, "import", str(path))


def _ctr(pid: int, *arguments: str) -> str:
    return output([*node.inside(pid), *_CTR, *arguments], f"containerd: {arguments[0]}")

"""Images in the node's containerd: no registry, so each is imported from an archive."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

from cluster.embedded import archive, containers, node
from cluster.embedded.archive import Image
from cluster.embedded.home import INSIDE, Home, cache
from components.programs import output


def present(pid: int) -> set[str]:
    """The names of the images that the node has.

    Raises:
        PlatformError: containerd does not answer.
    """
    return set(_ctr(pid, "images", "list", "--quiet").split())


def load(home: Home, pid: int, wanted: Iterable[Image]) -> int:
    """Import those of the static images that the node lacks; how many they were."""
    there = present(pid)
    lacking = [image for image in wanted if image.name not in there]
    for image in lacking:
        with tempfile.NamedTemporaryFile(dir=home.path, suffix=".tar") as file:
            archive.write(image, Path(file.name))
            _import(pid, file.name)
    return len(lacking)


def load_own(home: Home, pid: int, target: str) -> None:
    """Import the built image of a target of the Containerfile, if the node lacks it."""
    if containers.name(target) in present(pid):
        return
    there = set(_ctr(pid, "content", "list", "--quiet").split())
    with tempfile.NamedTemporaryFile(dir=home.path, suffix=".tar") as file:
        containers.write(target, cache(), there, Path(file.name))
        _import(pid, file.name)


def _import(pid: int, file: str) -> None:
    _ctr(pid, "images", "import", str(INSIDE / Path(file).name))


def _ctr(pid: int, *arguments: str) -> str:
    command = [*node.inside(pid), "ctr", "--namespace", "k8s.io", *arguments]
    return output(command, f"containerd: {' '.join(arguments[:2])}")

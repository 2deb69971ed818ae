"""Building a family's programs once, and finding them again."""

import json
import os
import shutil
import tempfile
from pathlib import Path

from cluster.embedded.families import LINK, Family
from components.disk import locked
from components.errors import PlatformError
from components.programs import output

FLAGS = ("-trimpath", "-ldflags", LINK)
"""No paths of this machine; a family's own flags come after these, and win."""


def built(family: Family, cache: Path) -> Path | None:
    """The folder of the family's programs, or None when they are not built."""
    folder = _folder(family, cache)
    return folder if folder.is_dir() else None


def build(family: Family, cache: Path) -> Path:
    """The folder of the family's programs, built if need be: minutes, the first time.

    A build is whole or not there: it is renamed into place, and one process builds at a time.

    Raises:
        PlatformError: Go is missing, or refuses; names the family and the log.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / f"{family.name}.lock"):
        if there := built(family, cache):
            return there
        with tempfile.TemporaryDirectory(dir=cache, prefix=f".{family.name}-") as scratch:
            source = _sources(family, Path(scratch))
            out = Path(scratch, "out")
            for program, package in family.programs.items():
                flags = (*FLAGS, *family.flags, "-o", str(out / program))
                _go(family, source, "build", *flags, package)
            out.rename(_folder(family, cache))
    return _folder(family, cache)


def upstream(family: Family) -> Path:
    """The folder of the family's upstream module, with the manifests that it ships.

    Raises:
        PlatformError: Go is missing, or refuses.
    """
    said = _go(family, family.folder, "mod", "download", "-json", family.upstream)
    return Path(json.loads(said)["Dir"])


def _folder(family: Family, cache: Path) -> Path:
    return cache / f"{family.name}-{family.key}"


def _sources(family: Family, scratch: Path) -> Path:
    """The folder to build in: a copy of upstream's module with our files, where it lacks some."""
    if not family.added.is_dir():
        return family.folder
    own, theirs = scratch / "own", scratch / "upstream"
    shutil.copytree(family.folder, own)
    shutil.copytree(upstream(family), theirs)
    for folder in (theirs, *(path for path in theirs.rglob("*") if path.is_dir())):
        folder.chmod(0o755)  # the module cache is read-only
    shutil.copytree(own / "added", theirs, dirs_exist_ok=True)
    shutil.rmtree(own / "added")
    _go(family, own, "mod", "edit", f"-replace={family.upstream}={theirs}")
    return own


def _go(family: Family, folder: Path, *arguments: str) -> str:
    """What the go command prints."""
    go = shutil.which("go")
    if go is None:
        raise PlatformError(f"{family.name} cannot be built: install Go, see go.dev/doc/install")
    return output(
        [go, *arguments],
        f"{family.name}: go {arguments[0]} fails",
        cwd=folder,
        env=os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false"},
    )

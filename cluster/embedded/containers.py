"""Our own images, built from the repository's Containerfile on a Debian made by mmdebstrap."""

import hashlib
import shutil
import sys
import tempfile
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster.embedded import layout
from cluster.embedded.home import REPOSITORY, cache
from components.disk import locked
from components.errors import PlatformError
from components.printing import say
from components.programs import output


@dataclass(frozen=True)
class Target:
    """One image of the Containerfile."""

    folders: tuple[str, ...]
    """Of ours, which it copies."""
    most_mb: int
    """Of its files together, before anything is pressed: a node has to fetch and keep them."""


TARGETS = {
    "predictor": Target(("components",), 950),
    "steps": Target(("cli", "cluster", "components", "dashboards", "pipelines"), 1500),
    "servers": Target((), 450),
}

IGNORED = ("cluster/embedded", "__pycache__")
"""What `.containerignore` leaves out of these folders."""

SUITE = "bookworm"
RUNTIME = ("python3", "ca-certificates", "libgomp1")
"""What the Containerfile asks of BASE."""
BUILD = (*RUNTIME, "python3-venv")
"""And of BUILD."""

_PREFIX = "localhost/sluice-"
_REVISION = "org.opencontainers.image.revision"
_KEPT = 3
"""Images of a target that stay: other checkouts of this user have other sources."""

_PIP = ("cert", "extra-index-url", "index-url", "proxy", "timeout", "trusted-host")
"""The user's settings with which pip finds packages; they are in no image."""

_NOT_NEEDED = ("doc", "info", "locale", "man")


def name(target: str) -> str:
    """The image of a target of the Containerfile: other sources have another name."""
    return f"{_PREFIX}{target}:{_key(target)}"


def built(target: str, cache: Path) -> bool:
    """True when the image is there."""
    return layout.find(_layout(cache), name(target)) is not None


def build(target: str, cache: Path) -> None:
    """Build the image of a target, if need be: minutes, the first time.

    Raises:
        PlatformError: a program is missing or fails; names the log.
    """
    folder = cache / "images"
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / "lock"):
        if not built(target, cache):
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                tool = _Buildah(folder, Path(scratch))
                tool.build(target, "--tag", name(target))
                tool.label(name(target), f"{_REVISION}={_revision()}")
                # Other forms press the layers, for minutes, and nothing sends them anywhere.
                whole = Path(scratch, "image.tar")
                tool.run("push", "--quiet", name(target), f"docker-archive:{whole}:{name(target)}")
                layout.add(_layout(cache), name(target), whole)
                tool.drop(layout.forget(_layout(cache), f"{_PREFIX}{target}:", _KEPT))


def size(target: str, cache: Path) -> int:
    """The bytes of a built image, unpressed."""
    return layout.size(_layout(cache), name(target))


def revision(target: str, cache: Path) -> str:
    """The commit of a built image."""
    return layout.labels(_layout(cache), name(target))[_REVISION]


def write(target: str, cache: Path, present: Container[str], to: Path) -> None:
    """Write an archive of a built image, less the blobs that are ``present`` where it goes."""
    with locked(cache / "images" / "lock"):
        layout.write(_layout(cache), name(target), present, to)


def listed(target: str, cache: Path, folder: Path) -> Path:
    """Write what is in the image of a target, in CycloneDX's form, into the folder.

    Raises:
        PlatformError: as `build`.
    """
    images = cache / "images"
    images.mkdir(parents=True, exist_ok=True)
    to = folder / f"{target}.cdx.json"
    with locked(images / "lock"), tempfile.TemporaryDirectory(dir=images) as scratch:
        tool = _Buildah(images, Path(scratch))
        written = Path(scratch, "out")
        tool.build("sbom", "--build-arg", f"OF={target}", "--output", f"type=local,dest={written}")
        shutil.copyfile(written / "sbom.json", to)
    return to


def _layout(cache: Path) -> Path:
    return cache / "images" / "layers"


def _key(target: str) -> str:
    digest = hashlib.sha256(" ".join((SUITE, *BUILD)).encode())
    tops = ("Containerfile", ".containerignore", "constraints.txt", "pyproject.toml")
    files = [REPOSITORY / each for each in tops]
    for folder in TARGETS[target].folders:
        files += sorted(filter(_counts, (REPOSITORY / folder).rglob("*")))
    for path in files:
        digest.update(f"{path.relative_to(REPOSITORY)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _counts(path: Path) -> bool:
    return path.is_file() and not any(
        f"/{each}/" in f"/{path.relative_to(REPOSITORY)}" for each in IGNORED
    )


def _revision() -> str:
    """The commit of the sources; what is not committed is said."""
    try:
        flags = ("--always", "--abbrev=40", "--dirty", "--exclude=*")
        return _run("git", "-C", str(REPOSITORY), "describe", *flags).strip()
    except PlatformError:
        return "unknown"


def _base(folder: Path, packages: Sequence[str]) -> Path:
    """A Debian with the packages, as an archive of its files."""
    to = folder / f"{SUITE}-{hashlib.sha256(' '.join(packages).encode()).hexdigest()[:16]}.tar"
    if not to.exists():
        lists = [str(each) for each in sorted(Path("/etc/apt").glob("sources.list*/*.sources"))]
        plain = Path("/etc/apt/sources.list")
        lists += [str(plain)] if plain.exists() else []
        excluded = [f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in _NOT_NEEDED]
        beside = to.with_suffix(".part")
        flags = ("--variant=minbase", "--format=tar", f"--include={','.join(packages)}")
        _run("mmdebstrap", *flags, *excluded, SUITE, str(beside), *lists)
        beside.rename(to)
    return to


class _Buildah:
    """Buildah with a storage of its own in ``folder``, whose layers are used again."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        self._flags = ("--root", str(folder / "storage"), "--runroot", str(scratch / "run"))
        self._folder = folder
        self._scratch = scratch

    def run(self, *arguments: str) -> str:
        """What it prints."""
        # What it mounts would outlast it, were it killed: not in a namespace of its own.
        program = (_found("unshare"), "--mount", _found("buildah"))
        flags = (*self._flags, "--storage-driver", "overlay")
        return output([*program, *flags, *arguments], f"buildah {arguments[0]}")

    def build(self, target: str, *flags: str) -> None:
        """Build the Containerfile's ``target``."""
        mounted = ("/etc/ssl/certs/ca-certificates.crt", "/etc/resolv.conf")
        volumes = [f"--volume={path}:{path}:ro" for path in mounted]
        self.run(
            *("build", "--isolation", "chroot", "--network", "host", "--layers"),
            *("--build-arg", f"BASE={self._from(RUNTIME)}"),
            *("--build-arg", f"BUILD={self._from(BUILD)}"),
            *(*volumes, f"--volume={_pip_settings(self._scratch)}:/etc/pip.conf:ro"),
            *("--target", target, *flags),
            *("--file", str(REPOSITORY / "Containerfile"), str(REPOSITORY)),
        )

    def label(self, image: str, text: str) -> None:
        """Put a label on an image: as a build argument it would not reach what is built already."""
        container = self.run("from", image).strip()
        self.run("config", "--label", text, container)
        self.run("commit", "--quiet", "--rm", container, image)

    def drop(self, names: Iterable[str]) -> None:
        """Remove images, and what was built for them alone."""
        for name in self._images().intersection(names):
            self.run("rmi", name)

    def _images(self) -> set[str]:
        return set(self.run("images", "--format", "{{.Name}}:{{.Tag}}").split())

    def _from(self, packages: Sequence[str]) -> str:
        """The image of a Debian with the packages."""
        base = _base(self._folder, packages)
        named = f"localhost/sluice-base:{base.stem.rpartition('-')[2]}"
        if named not in self._images():
            container = self.run("from", "scratch").strip()
            self.run("add", "--quiet", container, str(base), "/")
            self.run("commit", "--quiet", "--rm", container, named)
        return named


def _pip_settings(scratch: Path) -> Path:
    """A file with those of this user's settings of pip that say where packages are."""
    lines = ["[global]"]
    for line in _run(sys.executable, "-m", "pip", "config", "list").splitlines():
        where, _, value = line.partition("=")
        key = where.rpartition(".")[2]
        if key in _PIP:
            lines.append(f"{key} = {value.strip(chr(39))}")
    path = scratch / "pip.conf"
    path.write_text("\n".join([*dict.fromkeys(lines), ""]), encoding="utf-8")
    return path


def _run(program: str, *arguments: str) -> str:
    return output([_found(program), *arguments], f"{Path(program).name} {arguments[0]}")


def _found(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise PlatformError(f"images cannot be built: install {program}: apt-get install {program}")
    return found


def main(folder: Path) -> None:
    """Write every image as an archive, and the list of what is in it; print their sizes."""
    folder.mkdir(parents=True, exist_ok=True)
    for target, asked in TARGETS.items():
        build(target, cache())
        mb = size(target, cache()) // 10**6
        write(target, cache(), (), folder / f"{target}.tar")
        listed(target, cache(), folder)
        made_of = revision(target, cache())
        say(f"{name(target):<45} {mb:5d} MB of at most {asked.most_mb:5d}, of {made_of}")
    say(f"{folder} has archives of them, and what is in each (.cdx.json)")


if __name__ == "__main__":
    main(REPOSITORY / "build" / "images")

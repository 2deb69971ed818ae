"""Our own images, built from the repository's Containerfile on a Debian made by mmdebstrap."""

import hashlib
import shutil
import sys
import tempfile
from pathlib import Path

from cluster.embedded.home import REPOSITORY
from components.disk import locked
from components.errors import PlatformError
from components.programs import output

TARGETS = {
    "predictor": ("components",),
    "steps": ("cli", "cluster", "components", "dashboards", "pipelines"),
}
"""The folders that the Containerfile copies into each image."""

SUITE = "bookworm"
PACKAGES = ("python3", "python3-venv", "ca-certificates", "libgomp1")
"""What the Containerfile asks of its base."""

_PIP = ("cert", "extra-index-url", "index-url", "proxy", "timeout", "trusted-host")
"""The user's settings with which pip finds packages; they are in no image."""

_NOT_NEEDED = ("doc", "info", "locale", "man")


def name(target: str) -> str:
    """The image of a target of the Containerfile: other sources have another name."""
    return f"localhost/sluice-{target}:{_key(target)}"


def archive(target: str, cache: Path) -> Path:
    """The image of a target as an archive, built if need be: minutes, the first time.

    Raises:
        PlatformError: a program is missing or fails; names the log.
    """
    folder = cache / "images"
    folder.mkdir(parents=True, exist_ok=True)
    to = folder / f"{target}-{_key(target)}.tar"
    with locked(folder / "lock"):
        if not to.exists():
            base = _base(folder)
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                tool = _Buildah(folder / "storage", Path(scratch))
                tool.build(target, base)
                beside = Path(scratch, to.name)
                # This form has layers as they are; the other one would press them for minutes.
                tool.run("push", "--quiet", name(target), f"docker-archive:{beside}:{name(target)}")
                for older in folder.glob(f"{target}-*.tar"):
                    older.unlink()
                beside.rename(to)
    return to


def _key(target: str) -> str:
    digest = hashlib.sha256(" ".join((SUITE, *PACKAGES)).encode())
    files = [REPOSITORY / each for each in ("Containerfile", "constraints.txt", "pyproject.toml")]
    for folder in TARGETS[target]:
        files += sorted(
            path
            for path in (REPOSITORY / folder).rglob("*")
            if path.is_file() and path.suffix != ".pyc"
        )
    for path in files:
        digest.update(f"{path.relative_to(REPOSITORY)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _base(folder: Path) -> Path:
    """A Debian with Python, as an archive of its files."""
    to = folder / f"{SUITE}-{hashlib.sha256(' '.join(PACKAGES).encode()).hexdigest()[:16]}.tar"
    if not to.exists():
        lists = [str(each) for each in sorted(Path("/etc/apt").glob("sources.list*/*.sources"))]
        listed = Path("/etc/apt/sources.list")
        lists += [str(listed)] if listed.exists() else []
        excluded = [f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in _NOT_NEEDED]
        beside = to.with_suffix(".part")
        flags = ("--variant=minbase", "--format=tar", f"--include={','.join(PACKAGES)}")
        _run("mmdebstrap", *flags, *excluded, SUITE, str(beside), *lists)
        beside.rename(to)
    return to


class _Buildah:
    """Buildah with a storage of its own, whose layers are used again."""

    def __init__(self, storage: Path, scratch: Path) -> None:
        self._flags = ("--root", str(storage), "--runroot", str(scratch / "run"))
        self._scratch = scratch

    def run(self, *arguments: str) -> str:
        return _run("buildah", *self._flags, "--storage-driver", "overlay", *arguments)

    def build(self, target: str, base: Path) -> None:
        """Build the Containerfile's ``target``."""
        named = f"localhost/sluice-base:{base.stem.rpartition('-')[2]}"
        if named not in self.run("images", "--format", "{{.Name}}:{{.Tag}}").split():
            container = self.run("from", "scratch").strip()
            self.run("add", "--quiet", container, str(base), "/")
            self.run("commit", "--quiet", "--rm", container, named)
        mounted = ("/etc/ssl/certs/ca-certificates.crt", "/etc/resolv.conf")
        volumes = [f"--volume={path}:{path}:ro" for path in mounted]
        self.run(
            *("build", "--isolation", "chroot", "--network", "host", "--layers"),
            *("--build-arg", f"BASE={named}", "--target", target, "--tag", name(target)),
            *(*volumes, f"--volume={_pip_settings(self._scratch)}:/etc/pip.conf:ro"),
            *("--file", str(REPOSITORY / "Containerfile"), str(REPOSITORY)),
        )


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
    found = shutil.which(program)
    if found is None:
        raise PlatformError(f"images cannot be built: install {program}: apt-get install {program}")
    return output([found, *arguments], f"{Path(program).name} {arguments[0]}")

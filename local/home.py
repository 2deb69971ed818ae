"""Where one platform keeps its state, and the small file habits that all servers share."""

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.errors import InputError, PlatformError

REPOSITORY = Path(__file__).resolve().parent.parent

LONGEST_SOCKET_PATH = 107
"""Bytes in a unix socket's path (`sun_path`), without the closing zero."""

LONGEST_SOCKET_NAME = len("supervisor.sock.99999999")


@dataclass(frozen=True)
class Home:
    """The folder of one platform; several may stand side by side on one machine."""

    path: Path

    @property
    def run(self) -> Path:
        """Folder of the unix sockets: in the home, or in a short one when the home lies deep."""
        inside = self.path / "run"
        if len(os.fsencode(inside)) + 1 + LONGEST_SOCKET_NAME <= LONGEST_SOCKET_PATH:
            return inside
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:12]
        return Path(tempfile.gettempdir(), f"sluice-{os.getuid()}-{digest}")

    @property
    def data(self) -> Path:
        """The servers' own data."""
        return self.path / "data"

    @property
    def logs(self) -> Path:
        """One log a program."""
        return self.path / "logs"

    @property
    def private(self) -> Path:
        """Passwords and the files that hold them."""
        return self.path / "private"

    @property
    def serving(self) -> Path:
        """One file a predictor."""
        return self.path / "serving"

    @property
    def traffic(self) -> Path:
        """One file an endpoint's route."""
        return self.path / "traffic"

    @property
    def leases(self) -> Path:
        """One file an endpoint's lease."""
        return self.path / "leases"

    @property
    def keys(self) -> Path:
        """The clients' API keys."""
        return self.path / "keys.json"

    def make(self) -> None:
        """Create the folders, closed to other users.

        Raises:
            PlatformError: the file system or another user does not let us.
        """
        for folder in (
            self.path,
            self.run,
            self.data,
            self.logs,
            self.private,
            self.serving,
            self.traffic,
            self.leases,
        ):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise PlatformError(
                    f"{folder}: {error.strerror}: set SLUICE_HOME to a folder of yours"
                ) from error
        if self.run.stat().st_uid != os.getuid():
            raise PlatformError(f"{self.run} belongs to another user: remove it")


def find_home() -> Home:
    """The home named by ``$SLUICE_HOME``, else ``.sluice`` below the repository."""
    named = os.environ.get("SLUICE_HOME")
    return Home(Path(named).expanduser().resolve() if named else REPOSITORY / ".sluice")


def replace(path: Path, text: str, mode: int = 0o600) -> None:
    """Write ``text`` beside ``path`` and rename it into place, so that no reader sees half."""
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), mode)
        os.replace(beside, path)  # noqa: PTH105 (the rename is the point)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def replace_json(path: Path, content: Any) -> None:
    """Write ``content`` as JSON; see `replace`."""
    replace(path, json.dumps(content, indent=1, sort_keys=True) + "\n")


def read_json(path: Path) -> Any:
    """The JSON in ``path``, or None when there is no such file.

    Raises:
        InputError: it is not JSON; names the line.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}: not JSON: {error.msg}: mend it") from error


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on ``path`` among all processes of this machine."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

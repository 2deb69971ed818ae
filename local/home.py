"""Where one platform keeps its state."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from components.errors import InputError, PlatformError

_REFUSED = re.compile(r"[^\w/.+@~ -]|(?<= ) +")
"""What the configuration of one server or another takes for something else than a name."""

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
        """Folder of the unix sockets: in the home, or in a short one when the home lies deep.

        Every process must find the same one, whatever its $TMPDIR.
        """
        inside = self.path / "run"
        if len(os.fsencode(inside)) + 1 + LONGEST_SOCKET_NAME <= LONGEST_SOCKET_PATH:
            return inside
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:12]
        return Path("/tmp", f"sluice-{os.getuid()}-{digest}")  # noqa: S108 (closed, and checked)

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
    def bundles(self) -> Path:
        """One folder a version that has a predictor: its files."""
        return self.path / "bundles"

    @property
    def traffic(self) -> Path:
        """One file an endpoint's route."""
        return self.path / "traffic"

    @property
    def leases(self) -> Path:
        """One file an endpoint's lease."""
        return self.path / "leases"

    @property
    def rules(self) -> Path:
        """One file an endpoint: the rules that Prometheus loads."""
        return self.path / "rules"

    @property
    def ballast(self) -> Path:
        """A file of nothing; see `local.ballast`."""
        return self.path / "ballast"

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
            self.bundles,
            self.traffic,
            self.leases,
            self.rules,
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
    """The home named by ``$SLUICE_HOME``, else ``.sluice`` below the repository.

    Raises:
        InputError: a server could not be told its path.
    """
    named = os.environ.get("SLUICE_HOME")
    path = Path(named).expanduser().resolve() if named else REPOSITORY / ".sluice"
    refused = "".join(sorted(set(_REFUSED.findall(str(path)))))
    if refused or any(part != part.strip() for part in path.parts):
        raise InputError(
            f"{str(path)!a}: the path of a platform's folder may have letters, digits, single"
            f" spaces and ._-+@~, not {refused or ' at an end'!a}: set SLUICE_HOME to another one"
        )
    return Home(path)

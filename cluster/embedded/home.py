"""Where one embedded cluster keeps its state, and where what was built for any of them lies."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from components.disk import user_cache
from components.errors import InputError, PlatformError

REPOSITORY = Path(__file__).resolve().parents[2]

INSIDE = Path("/run/sluice")
"""Where the node's own processes find the home, however deep it lies: sockets have short paths."""

_REFUSED = re.compile(r"[^\w/.+@~-]")
"""What the configuration of one program or another takes for something else than a name."""


@dataclass(frozen=True)
class Home:
    """The folder of one cluster; several may stand side by side on one machine."""

    path: Path

    @property
    def node(self) -> str:
        """The name of its control groups: one a folder."""
        return f"sluice-{hashlib.sha256(os.fsencode(self.path)).hexdigest()[:12]}"

    @property
    def settings(self) -> Path:
        """The programs' configuration files."""
        return self.path / "settings"

    @property
    def pki(self) -> Path:
        """Keys, certificates, and the components' kubeconfigs."""
        return self.path / "pki"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's way in, from this machine."""
        return self.path / "kubeconfig"

    @property
    def done(self) -> Path:
        """What was installed last; see `cluster.embedded.lifecycle`."""
        return self.path / "done"

    @property
    def logs(self) -> Path:
        """One log a program."""
        return self.path / "logs"

    @property
    def containerd(self) -> Path:
        """Images and containers."""
        return self.path / "containerd"

    @property
    def kubelet(self) -> Path:
        """Pods' volumes."""
        return self.path / "kubelet"

    @property
    def volumes(self) -> Path:
        """Pods' disks; see `cluster.embedded.controllers.volumes`."""
        return self.path / "volumes"

    def make(self) -> None:
        """Create the folders, closed to other users.

        Raises:
            PlatformError: the file system does not let us.
        """
        for folder in (
            self.path,
            self.settings,
            self.pki,
            self.logs,
            self.containerd,
            self.kubelet,
        ):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise PlatformError(
                    f"{folder}: {error.strerror}: set SLUICE_CLUSTER_HOME to a folder of yours"
                ) from error


def find_home() -> Home:
    """The home named by ``$SLUICE_CLUSTER_HOME``, else ``.sluice-cluster`` of the repository.

    Raises:
        InputError: a program could not be told its path.
    """
    named = os.environ.get("SLUICE_CLUSTER_HOME")
    path = Path(named).expanduser().resolve() if named else REPOSITORY / ".sluice-cluster"
    if refused := "".join(sorted(set(_REFUSED.findall(str(path))))):
        raise InputError(
            f"{str(path)!a}: the path of a cluster's folder may have letters, digits and ._-+@~,"
            f" not {refused!a}: set SLUICE_CLUSTER_HOME to another one"
        )
    return Home(path)


def cache() -> Path:
    """Where built programs and images are kept, for every cluster of this user."""
    return user_cache() / "cluster"

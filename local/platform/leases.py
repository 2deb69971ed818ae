"""One file a lease, changed under a lock (`components.platform.Leases`)."""

import math
import uuid
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import msgspec

from components.disk import file_name, locked, name_in, read_json, replace_json
from components.errors import InputError
from components.platform import Lease
from local import ballast
from local.home import Home


@dataclass(frozen=True)
class FileLeases:
    """Leases in files that hold ``{"lease": {...} or null}``.

    A token is drawn at random, so none is ever given twice, even after its lease and file are gone.
    """

    home: Home

    def _file(self, endpoint: str) -> Path:
        return self.home.leases / f"{file_name(endpoint)}.json"

    def read(self, endpoint: str) -> Lease | None:
        """The lease, living or silent, or None.

        Raises:
            InputError: the file is damaged, or an older Sluice wrote its lease.
        """
        return _read(self._file(endpoint))

    def swap(self, endpoint: str, expected: str | None, new: Lease | None) -> str | None:
        """Replace the lease if its token is still ``expected``; the new token if that was done.

        A new lease is refused where nothing can be kept for its way back.

        Raises:
            InputError: see `read`.
            NoRoom: the disk is full.
        """
        with locked(self.home.path / "leases.lock"):
            present = self.read(endpoint)
            if (present.token if present else None) != expected:
                return None
            if present is None:
                ballast.keep(self.home)
            token = uuid.uuid4().hex
            if new is None:
                self._file(endpoint).unlink(missing_ok=True)
            else:
                replace_json(self._file(endpoint), {"lease": asdict(replace(new, token=token))})
            return token

    def age(self, endpoint: str) -> float | None:
        """Nobody knows: the times of files are those of a clock that may be set."""
        return None

    def make_room(self) -> bool:
        """Free the disk space that is kept for giving traffic back."""
        return ballast.give_up(self.home)

    def endpoints(self) -> list[str]:
        """The endpoints that have a lease; one that is damaged is among them."""
        return sorted(name for path in self.home.leases.glob("*.json") if (name := _holder(path)))


def _read(path: Path) -> Lease | None:
    content = read_json(path)
    try:
        lease = None if content is None else msgspec.convert(content["lease"], Lease | None)
        if lease and not _is_possible(lease):
            raise TypeError("its length or its split is none")
        return lease
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise InputError(
            f"{path}: not a lease of this version of Sluice ({error}): when none of its releases"
            " runs, remove the file"
        ) from error


def _is_possible(lease: Lease) -> bool:
    """A length that ends, for one that does not is never silent; and shares in percent."""
    shares = lease.restore.values()
    return 0 < lease.seconds < math.inf and all(0 <= share <= 100 for share in shares)


def _holder(path: Path) -> str | None:
    """The endpoint whose lease stands in ``path``; None if none does."""
    try:
        lease = _read(path)
    except InputError:
        return name_in(path.stem)
    return lease.endpoint if lease else None

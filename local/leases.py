"""One file a lease, changed under a lock (`components.platform.Leases`)."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from components.platform import Lease
from local.home import Home, locked, read_json, replace_json


@dataclass(frozen=True)
class FileLeases:
    """Leases whose token outlives them, so that a stale holder can never match a later lease.

    A file holds ``{"token": last token given, "lease": {...} or null}``.
    """

    home: Home

    def _file(self, endpoint: str) -> Path:
        return self.home.leases / f"{endpoint}.json"

    def _content(self, endpoint: str) -> dict[str, Any]:
        content: dict[str, Any] | None = read_json(self._file(endpoint))
        return content or {"token": 0, "lease": None}

    def read(self, endpoint: str) -> Lease | None:
        """The lease in force (expired or not), or None."""
        lease = self._content(endpoint)["lease"]
        return None if lease is None else Lease(**lease)

    def swap(self, endpoint: str, expected: int | None, new: Lease | None) -> int | None:
        """Replace the lease if its token is still ``expected``; the new token if that was done."""
        with locked(self.home.path / "leases.lock"):
            content = self._content(endpoint)
            present = content["lease"]["token"] if content["lease"] else None
            if present != expected:
                return None
            token: int = content["token"] + 1
            lease = None if new is None else asdict(replace(new, token=token))
            replace_json(self._file(endpoint), {"token": token, "lease": lease})
            return token

    def all(self) -> list[Lease]:
        """Every lease on the platform, expired ones included."""
        found = [self.read(path.stem) for path in sorted(self.home.leases.glob("*.json"))]
        return [lease for lease in found if lease is not None]

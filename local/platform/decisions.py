"""One file a decision, whose owner is who has made it (`components.platform.Decisions`).

The file says no name: the operating system says whose a file is.
"""

import errno
import os
import pwd
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec

from components.disk import file_name
from components.errors import InputError, NoRoom
from components.platform import Decision, Says
from local.home import Home


class _Kept(msgspec.Struct, forbid_unknown_fields=True):
    """What a file says."""

    says: Says
    reason: str


@dataclass(frozen=True)
class FileDecisions:
    """Decisions in files ``<number>.json``, in one folder a release."""

    home: Home

    def _folder(self, release_id: str) -> Path:
        return self.home.path / "decisions" / file_name(release_id)

    def read(self, release_id: str) -> list[Decision]:
        """The decisions of a release, in their order.

        Raises:
            InputError: a file is damaged.
        """
        found = [path for path in self._folder(release_id).glob("*.json") if path.stem.isdecimal()]
        return [_read(path, release_id) for path in sorted(found, key=lambda path: int(path.stem))]

    def add(self, release_id: str, number: int, says: Says, reason: str) -> Decision | None:
        """Keep a decision of the user whose process this is, if there is none of that number.

        Raises:
            NoRoom: the disk is full.
        """
        folder = self._folder(release_id)
        path = folder / f"{number}.json"
        try:
            for each in (folder.parent, folder):
                each.mkdir(mode=0o700, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=folder) as file:
                file.write(msgspec.json.encode(_Kept(says, reason)))
                file.flush()
                # As a whole, and only if there is none.
                os.link(file.name, path)
        except FileExistsError:
            return None
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise NoRoom(f"{path} was not written: {error.strerror}: make room") from error
            raise
        return _read(path, release_id)

    def clear(self, release_id: str) -> None:
        """Remove what was decided of a release."""
        shutil.rmtree(self._folder(release_id), ignore_errors=True)


def _read(path: Path, release_id: str) -> Decision:
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: no decision of this version of Sluice ({error}): remove it"
        ) from (error)
    its = path.stat()
    return Decision(
        release_id, int(path.stem), kept.says, _user(its.st_uid), its.st_mtime, kept.reason
    )


def _user(number: int) -> str:
    """The name of the operating system's user of that number."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"

"""Disk space that is kept for the way back: on a full disk, traffic can still be given back."""

import os

from components.errors import NoRoom
from local.home import Home

SIZE = 8 * 2**20
"""Bytes: some hundred times what one change of leases and routes writes."""


def keep(home: Home) -> None:
    """Set the space aside, if it is not.

    Raises:
        NoRoom: the disk is full.
    """
    if home.ballast.exists():
        return
    beside = home.ballast.with_suffix(".new")
    try:
        with beside.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, SIZE)
        beside.rename(home.ballast)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise NoRoom(
            f"{home.path}: {error.strerror}: make room: {SIZE // 2**20} MB are kept for giving"
            " traffic back"
        ) from error


def give_up(home: Home) -> bool:
    """Free the space; False if none was kept."""
    try:
        home.ballast.unlink()
    except FileNotFoundError:
        return False
    return True

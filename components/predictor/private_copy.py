"""The files that a model is loaded from: a copy that may be written to, beside the verified ones.

Loading runs other people's code, which writes where it was found: byte code, unpacked archives,
indices, journals of databases. What was verified must stay as it was verified, whoever the process
runs as, so a model never sees the verified folder itself.
"""

import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from components.errors import PlatformError

COPIED_BYTES = 256 * 1024 * 1024
"""Up to so many bytes the files themselves are copied. Larger ones are linked where the file system
can: a second copy of gigabytes costs more than it protects, and what is *added* beside a link still
stays out of the verified folder."""


@contextmanager
def room_for(bundle: Path) -> Iterator[Path]:
    """A new folder for `fill`, removed with all that is in it at the end.

    It lies beside ``bundle``, where files can be linked; where that is not writable, among the
    system's temporary files. What a killed process left there before is removed first.
    """
    bundle = bundle.resolve()
    prefix = f".{bundle.name}.{re.sub('[^a-zA-Z0-9-]', '_', socket.gethostname())}."
    with suppress(OSError):
        for left in bundle.parent.iterdir():
            if not left.name.startswith(prefix):
                continue
            pid = left.name.removeprefix(prefix).partition(".")[0]
            if not pid.isdecimal() or int(pid) == os.getpid() or not Path("/proc", pid).exists():
                shutil.rmtree(left, ignore_errors=True)
    name = f"{prefix}{os.getpid()}."
    try:
        folder = tempfile.mkdtemp(prefix=name, dir=bundle.parent)
    except OSError:
        folder = tempfile.mkdtemp(prefix=name)
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fill(room: Path, bundle: Path) -> Path:
    """Copy the files of ``bundle`` into ``room``; the folder to load from.

    A bundle that is not there is returned as it is, for its reader to say so.

    Raises:
        PlatformError: they cannot be copied.
    """
    bundle = bundle.resolve()
    if not bundle.is_dir():
        return bundle
    size = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file())
    copy = shutil.copy2 if size <= COPIED_BYTES else _link
    folder = room / bundle.name
    try:
        shutil.copytree(bundle, folder, copy_function=copy)
    except OSError as error:
        raise PlatformError(f"{bundle}: cannot be copied to {room}: {_first(error)}") from error
    return folder


def _first(error: OSError) -> str:
    """Why the first of the files could not be copied; the others rarely have another reason."""
    if isinstance(error, shutil.Error):
        source, _, why = error.args[0][0]
        return f"{source}: {why}"
    return str(error)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copy2(source, target)

"""A model's files on their way into the registry: where they come from, and what arrived."""

import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from components.bundle import MANIFEST
from components.errors import ArtifactError, InputError, PlatformError

_CACHES = shutil.ignore_patterns("__pycache__")
"""Python's own byte code, which it makes again: no part of the model."""


def fetch(server: Any, source: str, folder: Path) -> Path:
    """Copy the model's files below ``folder``, so that nothing of the user's is written to.

    Args:
        server: an ``mlflow.MlflowClient``.
        source: a folder, its address (``file:///...``), or the address of a model or of a run's
            artifact in the registry (``models:/NAME/VERSION``, ``models:/NAME@ALIAS``,
            ``runs:/RUN/PATH``).
        folder: a new folder.

    Returns:
        The folder that holds the file `MLmodel`, if there is one.

    Raises:
        InputError: there is nothing there, or it cannot be read.
    """
    address = urlparse(source)
    if address.scheme == "file" or ":/" not in source:
        local = Path(unquote(address.path)) if address.scheme == "file" else Path(source)
        try:
            # A link is kept as one, so that the manifest refuses it.
            shutil.copytree(local, folder, symlinks=True, ignore=_CACHES)
        except OSError as error:
            raise InputError(f"{source}: cannot be copied: {error}") from error
        return folder
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    folder.mkdir()
    try:
        found = Path(
            download_artifacts(source, dst_path=str(folder), tracking_uri=server.tracking_uri)
        )
    except (MlflowException, OSError, ValueError) as error:
        text = " ".join(str(error).split())
        raise InputError(f"{source}: cannot be downloaded: {text}") from error
    for cache in list(found.rglob("__pycache__")):
        shutil.rmtree(cache)
    return found


_LOST = (
    (re.compile(r"[\x00-\x1f\x7f]"), "a control character"),
    (re.compile(r"[\ud800-\udfff]"), "bytes that are no UTF-8"),
    (re.compile(r"\\"), "a backslash"),
    (re.compile(r"[#?]"), "# or ?, at which an address ends"),
    (re.compile(r"%[0-9A-Fa-f]{2}"), "% before two hexadecimal digits, which stands for another"),
)
"""What a file's name may not hold, since MLflow makes a URL of it without quoting."""


def refuse_lost_names(folder: Path) -> None:
    """Refuse files whose names would be other ones in the registry's store.

    Raises:
        ArtifactError: naming the file and what is wrong with it.
    """
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        for pattern, what in _LOST:
            if pattern.search(name):
                raise ArtifactError(
                    f"the file {name!r} has {what} in its name, which does not survive the upload: "
                    "rename it and save the model again"
                )


def check_upload(server: Any, model_id: str, folder: Path) -> None:
    """Hold what the registry's store has of a logged model against what was sent.

    Raises:
        PlatformError: a file is missing, another size, or was never sent.
    """
    sent = {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file()
    }
    stored: dict[str, int] = {}
    pending: list[str | None] = [None]
    while pending and len(stored) <= len(sent):
        for entry in server.list_logged_model_artifacts(model_id, pending.pop()):
            if entry.is_dir:
                pending.append(entry.path)
            else:
                stored[entry.path] = int(entry.file_size or 0)
    wrong = sorted({*sent.items()} ^ {*stored.items()})
    if wrong:
        name = wrong[0][0]
        raise PlatformError(
            f"the upload is not complete: {name!r} has {stored.get(name, 'no')} bytes in the "
            f"registry's store and {sent.get(name, 'no')} here: register the model again"
        )
    if MANIFEST not in stored:
        raise PlatformError(f"the upload is not complete: it has no {MANIFEST}")

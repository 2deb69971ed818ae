"""The manifest of a model's files, and the file `bundle.json` that some models have.

`MANIFEST.json` names every other file with its size and SHA-256; the manifest's own SHA-256 is
kept apart from the files (the version's tag ``sluice.manifest``), so that neither a file nor the
manifest can be changed alone.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from components.bundle import formats, mlmodel
from components.errors import ArtifactError, first_fault
from components.files import read_limited
from components.models import Strict

MANIFEST = "MANIFEST.json"
METADATA = "bundle.json"
MAX_MANIFEST_BYTES = 1024 * 1024
MAX_METADATA_BYTES = 1024 * 1024
MAX_FILES = 1000


class FileEntry(Strict):
    """One file of the bundle."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(ge=0)


class Manifest(Strict):
    """Every file of a bundle but the manifest itself, by its path with forward slashes."""

    schema_version: Literal[1] = Field(alias="schema")
    files: dict[str, FileEntry] = Field(max_length=MAX_FILES)


FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
"""A file beside `bundle.json`, by its name alone."""

_Metadata = TypeVar("_Metadata", bound=BaseModel)


class Altered(ArtifactError):
    """A file has the size that it was registered with, and other bytes: an incident."""


def read_metadata(folder: Path, kind: type[_Metadata], missing: str) -> _Metadata:
    """What `bundle.json` in ``folder`` says.

    Args:
        folder: the bundle.
        kind: the keys that its runtime knows.
        missing: what to tell the user when there is no such file.

    Raises:
        ArtifactError: it is missing, too large, not JSON, or has an unknown or wrong key.
    """
    path = folder / METADATA
    text = _read_small(path, MAX_METADATA_BYTES, missing)
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise ArtifactError(f"{path}: {first_fault(error)}: register the model again") from error


def write_metadata(folder: Path, metadata: BaseModel) -> None:
    """Write ``metadata`` as `bundle.json` into ``folder``."""
    text = json.dumps(metadata.model_dump(by_alias=True), indent=1, ensure_ascii=False)
    (folder / METADATA).write_text(text + "\n", encoding="utf-8")


def write_manifest(folder: Path) -> str:
    """Write `MANIFEST.json` over every other file below ``folder``; return its SHA-256 in hex.

    Raises:
        ArtifactError: the folder holds a symbolic link, a special file, too many files, or one
            whose name cannot be printed.
    """
    entries = {
        name: FileEntry(sha256=_sha256(path), bytes=path.stat().st_size)
        for name, path in files(folder)
    }
    manifest = Manifest(schema=1, files=entries)
    content = json.dumps(manifest.model_dump(by_alias=True), indent=1, sort_keys=True).encode()
    (folder / MANIFEST).write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def verify(folder: Path, expected: str | None, allow_pickle: bool) -> None:
    """Check ``folder`` against its manifest before anything in it is loaded.

    Args:
        folder: the bundle.
        expected: the manifest's own SHA-256 as kept in the registry; None when there is no
            registry to ask, which proves the files consistent but not authentic.
        allow_pickle: accept a model that runs code of its own when it is loaded.

    Raises:
        Altered: a file has other bytes than it was registered with.
        ArtifactError: the manifest is missing or is another one; a file is missing, cut off or was
            added; a path leaves the folder; there is a symbolic link; or ``allow_pickle`` is false
            and the model would not be loaded by one of `formats`.
    """
    content = _read_small(
        folder / MANIFEST,
        MAX_MANIFEST_BYTES,
        "not registered for release: 'sluice register MODEL_DIR --model NAME' does that",
    )
    if expected is not None and hashlib.sha256(content).hexdigest() != expected:
        raise ArtifactError(f"{folder}: {MANIFEST} is not the one registered")
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as error:
        raise ArtifactError(f"{folder}/{MANIFEST}: {first_fault(error)}") from error
    for name in manifest.files:
        _reject_escape(folder, name)
    present = dict(files(folder))
    _reject_difference(folder, set(manifest.files), set(present))
    for name, entry in sorted(manifest.files.items()):
        path = present[name]
        if path.stat().st_size != entry.bytes:
            raise ArtifactError(
                f"{folder}: {name} does not match its checksum: it has {path.stat().st_size} bytes"
                f" of {entry.bytes}"
            )
        if _sha256(path) != entry.sha256:
            raise Altered(f"{folder}: {name} does not match its checksum: it was altered")
    if mlmodel.NAME in manifest.files:
        description = mlmodel.read(folder)
        mlmodel.refuse_outside(folder, description, manifest.files)
        if not allow_pickle and mlmodel.PYFUNC in description.flavors:
            formats.opened(folder, description)


def size_in(content: bytes, expected: str) -> int:
    """Bytes of a version by its manifest: of every file that it names, and of itself.

    Args:
        content: of the manifest.
        expected: its SHA-256 as the registry has it.

    Returns:
        0 if it is not that manifest: what it says of sizes is nobody's word.
    """
    sizes = sizes_in(content, expected)
    return len(content) + sum(sizes.values()) if sizes is not None else 0


def sizes_in(content: bytes, expected: str) -> dict[str, int] | None:
    """Bytes of each file that the manifest ``content`` names; None if it is not that manifest."""
    if hashlib.sha256(content).hexdigest() != expected:
        return None
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError:
        return None
    return {name: entry.bytes for name, entry in manifest.files.items()}


def files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every regular file below ``folder`` but the manifest, by its name in the manifest.

    Raises:
        ArtifactError: see `write_manifest`.
    """
    count = 0
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not name.isprintable():
            raise ArtifactError(
                f"{folder}: the name {name!r} has characters that cannot be printed: rename the"
                " file and save the model again"
            )
        if path.is_symlink():
            raise ArtifactError(f"{folder}: {name} is a symbolic link: copy the file itself")
        if path.is_dir() or name == MANIFEST:
            continue
        if not path.is_file():
            raise ArtifactError(f"{folder}: {name} is no regular file: remove it")
        count += 1
        if count > MAX_FILES:
            raise ArtifactError(f"{folder}: more than {MAX_FILES} files: no model is like that")
        yield name, path


def _reject_escape(folder: Path, name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or str(path) != name:
        raise ArtifactError(f"{folder}/{MANIFEST}: {name!r} is no path inside the bundle")


def _reject_difference(folder: Path, named: set[str], present: set[str]) -> None:
    if missing := sorted(named - present):
        raise ArtifactError(f"{folder}: {missing[0]} is missing")
    if extra := sorted(present - named):
        raise ArtifactError(f"{folder}: {extra[0]} is not in {MANIFEST}: it was added")


def _read_small(path: Path, limit: int, mend: str) -> bytes:
    if path.is_symlink():
        raise ArtifactError(f"{path}: a symbolic link: copy the file itself")
    return read_limited(path, limit, missing=mend, error=ArtifactError)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

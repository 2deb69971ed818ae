"""Find the decision record that a command's argument names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from components.errors import InputError, SluiceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.record import Line
    from components.release.anchor import Checked


def find(release: str, *, whole: bool = False) -> tuple[str, list[Line]]:
    """Where the record is, and its verified lines.

    Args:
        release: a release's id, or the path of a record that was copied to a file.
        whole: refuse a half-written last line, which a file of a running release may have.

    Raises:
        InputError: there is no such record, or it is damaged.
        PlatformError: an id was given and the platform that knows it is not up.
    """
    from components import record

    path = _file(release)
    if path.is_file():
        return str(path), record.read(path, whole=whole)
    if path.suffix == ".jsonl":
        raise InputError(f"{release}: no such file")
    return release, _stored(release)


def is_file(release: str) -> bool:
    """Whether ``release`` names a file, and no id."""
    return _file(release).is_file()


def checked(lines: Sequence[Line]) -> Checked:
    """What the platform's registry says of a record; one that is not up says nothing.

    Raises:
        InputError: the lines are no release's record, or the key of signatures cannot be used.
    """
    from components.errors import PlatformError
    from components.platform import connect
    from components.release import anchor

    try:
        registry = connect().registry
    except PlatformError as error:
        return anchor.Checked(f"not held against its anchor: {error}")
    return anchor.check(registry, lines)


def _file(release: str) -> Path:
    path = Path(release)
    return path / "record.jsonl" if path.is_dir() else path


def _stored(release_id: str) -> list[Line]:
    """The record in the platform's store, else its copy in MLflow."""
    from components import record
    from components.platform import connect
    from components.registry import names
    from components.release.anchor import RECORD_FILE
    from components.release.context import refuse_bad_id

    refuse_bad_id(release_id)
    platform = connect()
    lines = record.Record(platform.records, release_id, platform.clock).lines()
    if lines:
        return lines
    unknown = InputError(f"no release {release_id!r}: see 'sluice releases'")
    try:
        registry = platform.registry
        run_id = registry.find_run(names.RELEASES_EXPERIMENT, names.RELEASE_TAG, release_id)
        content = registry.artifact(run_id, RECORD_FILE) if run_id else None
    except SluiceError as error:
        raise unknown from error
    if content is None:
        raise unknown
    return record.parse(content, release_id)

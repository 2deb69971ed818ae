"""Find the decision record that a command's argument names."""

from pathlib import Path

from components.errors import InputError, SluiceError
from components.record import Line


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

    path = Path(release)
    if path.is_dir():
        path /= "record.jsonl"
    if path.is_file():
        return str(path), record.read(path, whole=whole)
    if path.suffix == ".jsonl":
        raise InputError(f"{release}: no such file")
    return release, _stored(release)


def _stored(release_id: str) -> list[Line]:
    """The record in the platform's store, else its copy in MLflow."""
    from components import record
    from components.platform import connect
    from components.registry import names
    from components.release.context import RECORD_FILE, refuse_bad_id

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

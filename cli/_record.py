"""Find the decision record that a command's argument names."""

from pathlib import Path

from components.errors import InputError
from components.record import Line


def find(release: str) -> tuple[Path, list[Line]]:
    """The record's file and its verified lines.

    Args:
        release: a release's id, or the path of a record.

    Raises:
        InputError: there is no such record, or it is damaged.
        PlatformError: an id was given and the platform that knows it is not up.
    """
    from components.release.journal import opened

    from components import record
    from components.platform import connect
    from components.registry import Registry

    path = Path(release)
    if path.is_dir():
        path /= "record.jsonl"
    if not path.is_file():
        if path.suffix == ".jsonl":
            raise InputError(f"{release}: no such file")
        platform = connect()
        path = opened(platform.home, release, Registry(platform.registry_url)).path
    return path, record.read(path)

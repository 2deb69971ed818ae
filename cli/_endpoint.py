"""What a command's argument ENDPOINT means: a name, or the path of an endpoint's file."""

import re
from pathlib import Path

from components import endpoint as endpoints
from components import plugins
from components.endpoint import Endpoint
from components.errors import InputError
from components.platform import Platform


def file(named: str) -> Path:
    """The file that ``named`` means: a path, or ``endpoints/<name>.yaml`` below this folder."""
    if named.endswith((".yaml", ".yml")):
        return Path(named)
    return Path("endpoints", f"{named}.yaml")


def under_way(platform: Platform, named: str) -> str:
    """The endpoint that ``named`` means, for whoever ends its release: its lease is asked.

    The file may be missing, moved or broken: what is left of it may still say which one is meant.
    """
    held = platform.leases.endpoints()
    path = file(named)
    meant = [*_names_in(path), path.stem] if path == Path(named) else [named, *_names_in(path)]
    return next((name for name in meant if name in held), meant[0])


def _names_in(path: Path) -> list[str]:
    """The endpoint's name that a file, or what is left of it, says."""
    try:
        return [endpoints.load(path).name]
    except InputError:
        pass
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(endpoints.MAX_FILE_BYTES)
    except OSError:
        return []
    return re.findall(r"^name:\s*[\"']?([a-z][a-z0-9-]*)", text, re.MULTILINE)


def load(platform: Platform, named: str) -> Endpoint:
    """The endpoint: of its file if ``named`` is one that is here, else as the platform knows it."""
    path = file(named)
    if path.exists() or path == Path(named):
        return endpoints.load(path)
    return platform.endpoints.load(named)


def apply(platform: Platform, named: str, engine: str | None = None) -> Endpoint:
    """The same; a file that is here becomes what the platform knows.

    Args:
        platform: which one.
        named: see `file`.
        engine: what is to release it; default: the platform's own.

    Raises:
        InputError: the file is missing, too large or wrong, or the engine could not release it.
    """
    path = file(named)
    if path.exists() or path == Path(named):
        found = endpoints.load(path)  # says what is wrong, with the file's own checks
        # What a release would be refused for: nobody is to find that out later.
        endpoints.refuse_undecidable(found)
        plugins.refuse_unreleasable(found, engine)
        return platform.endpoints.apply(path.read_text(encoding="utf-8"), str(path))
    return platform.endpoints.load(named)

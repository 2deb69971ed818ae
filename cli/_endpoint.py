"""What a command's argument ENDPOINT means: a name, or the path of an endpoint's file."""

from pathlib import Path

from components import endpoint as endpoints
from components.endpoint import Endpoint
from components.platform import Platform


def file(named: str) -> Path:
    """The file that ``named`` means: a path, or ``endpoints/<name>.yaml`` below this folder."""
    if named.endswith((".yaml", ".yml")):
        return Path(named)
    return Path("endpoints", f"{named}.yaml")


def name(named: str) -> str:
    """The endpoint's name: of its file if ``named`` is one, else ``named`` itself."""
    path = file(named)
    return endpoints.load(path).name if path.exists() else named


def load(platform: Platform, named: str) -> Endpoint:
    """The endpoint: of its file if ``named`` is one that is here, else as the platform knows it."""
    path = file(named)
    if path.exists() or path == Path(named):
        return endpoints.load(path)
    return platform.endpoints.load(named)


def apply(platform: Platform, named: str) -> Endpoint:
    """The same; a file that is here becomes what the platform knows.

    Raises:
        InputError: the file is missing, too large or wrong.
    """
    path = file(named)
    if path.exists() or path == Path(named):
        endpoints.load(path)  # says what is wrong, with the file's own checks
        return platform.endpoints.apply(path.read_text(encoding="utf-8"), str(path))
    return platform.endpoints.load(named)

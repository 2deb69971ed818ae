"""The predictors of this machine, as their files tell: one a version that is served."""

from dataclasses import dataclass

from local.files import file_name, read_json
from local.home import Home


@dataclass(frozen=True)
class Backend:
    """Where one predictor listens."""

    endpoint: str
    version: str
    http_port: int
    grpc_port: int


def program_name(endpoint: str, version: str) -> str:
    """The supervisor's name of a predictor, and its file's."""
    # What follows the last dash is the version.
    return f"{file_name(endpoint)}-v{file_name(version).replace('-', '+2D')}"


def known(home: Home) -> list[tuple[Backend, bool]]:
    """Every predictor, and whether it is leaving (see `LocalServing.delete`)."""
    files = sorted(home.serving.glob("*.json"))
    contents = [content for path in files if (content := read_json(path)) is not None]
    return [(Backend(**content["backend"]), content.get("leaving", False)) for content in contents]


def backends(home: Home) -> list[Backend]:
    """Every predictor that the gateway may send requests to."""
    return [backend for backend, leaving in known(home) if not leaving]

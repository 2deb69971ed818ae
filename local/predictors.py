"""The predictors of this machine, as their files tell: one a version that is served."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import msgspec

from components.disk import file_name, read_json
from components.errors import InputError
from local.home import Home

log = logging.getLogger("sluice.predictors")

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]


@dataclass(frozen=True)
class Backend:
    """Where one predictor listens."""

    endpoint: str
    version: str
    http_port: Port
    grpc_port: Port


def program_name(endpoint: str, version: str) -> str:
    """The supervisor's name of a predictor, and its file's."""
    # What follows the last dash is the version.
    return f"{file_name(endpoint)}-v{file_name(version).replace('-', '+2D')}"


def known(home: Home) -> list[tuple[Backend, bool]]:
    """Every predictor, and whether it is leaving (see `LocalServing.delete`).

    A file that cannot be read is left out, and told of: it is no reason to stop the others.
    """
    return list(_known(home))


def _known(home: Home) -> Iterator[tuple[Backend, bool]]:
    for path in sorted(home.serving.glob("*.json")):
        try:
            content = read_json(path)
            if content is not None:
                backend = msgspec.convert(content["backend"], Backend)
                if program_name(backend.endpoint, backend.version) != path.stem:
                    raise InputError(f"it is of {backend.endpoint} version {backend.version}")
                yield backend, bool(content.get("leaving"))
        except (InputError, KeyError, TypeError, msgspec.ValidationError) as error:
            log.warning("%s is left out, as it says no predictor: %s: release again", path, error)


def backends(home: Home) -> list[Backend]:
    """Every predictor that the gateway may send requests to."""
    return [backend for backend, leaving in known(home) if not leaving]

"""How an error is answered, in one place for the fast path, KServe's application and gRPC."""

from collections.abc import Mapping

import msgspec

from components.errors import InputError, SluiceError
from components.predictor.scheduling.refusals import (
    Cancelled,
    Expired,
    NotFound,
    NotReady,
    Overloaded,
    TooLarge,
)

ONE_FOR_LIFE = "a predictor has one model for life: 'sluice release' starts one for a version"
"""What the calls are told that would load or unload a model."""


class NotServed(SluiceError):
    """A call of the protocol that no predictor answers."""


class Unsupported(InputError):
    """A body of a form that is not read here; ``headers`` say which forms are."""

    def __init__(self, message: str, headers: Mapping[str, str]) -> None:
        super().__init__(message)
        self.headers = headers


class WrongMethod(InputError):
    """The route is there, for other methods."""

    def __init__(self, message: str, allowed: str) -> None:
        super().__init__(message)
        self.headers = {"allow": allowed}


_STATUS: tuple[tuple[type[SluiceError], int], ...] = (
    (TooLarge, 413),
    (Unsupported, 415),
    (WrongMethod, 405),
    (InputError, 400),
    (NotFound, 404),
    (Overloaded, 503),
    (NotReady, 503),
    (NotServed, 501),
    (Expired, 504),
    (Cancelled, 499),
)


def status_of(error: SluiceError) -> int:
    """The HTTP status for ``error``; 500 when it is the model's own."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def headers_of(error: SluiceError) -> dict[str, str]:
    """Response headers beside the usual ones."""
    if isinstance(error, Unsupported | WrongMethod):
        return dict(error.headers)
    if isinstance(error, NotReady):
        return {"retry-after": "1"}
    return {"retry-after": str(error.retry_after)} if isinstance(error, Overloaded) else {}


def encode_error(message: str) -> bytes:
    """The JSON body of every error."""
    return msgspec.json.encode({"error": message})

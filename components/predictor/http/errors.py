"""How an error is answered, in one place for the fast path, KServe's application and gRPC."""

import msgspec

from components.errors import InputError, SluiceError
from components.predictor.scheduling.refusals import Cancelled, Expired, Overloaded, TooLarge

_STATUS: tuple[tuple[type[SluiceError], int], ...] = (
    (TooLarge, 413),
    (InputError, 400),
    (Overloaded, 503),
    (Expired, 504),
    (Cancelled, 499),
)


def status_of(error: SluiceError) -> int:
    """The HTTP status for ``error``; 500 when it is the model's own."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def headers_of(error: SluiceError) -> dict[str, str]:
    """Response headers beside the usual ones."""
    return {"retry-after": str(error.retry_after)} if isinstance(error, Overloaded) else {}


def encode_error(message: str) -> bytes:
    """The JSON body of every error."""
    return msgspec.json.encode({"error": message})

"""Why a request gets no answer from the model; `http.errors` says how each is answered."""

from components.errors import InputError, SluiceError


class Refused(SluiceError):
    """The request is not served; its rows did not run to an answer."""


class Overloaded(Refused):
    """The queue is full, or what waits would outlast the deadline."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Whole seconds after which the queue should have room."""


class Expired(Refused):
    """The request's deadline passed before its answer was there."""


class Cancelled(Refused):
    """The client went away before the answer was there."""


class TooLarge(InputError):
    """The request alone is larger than the queue."""


class NotFound(SluiceError):
    """There is no such model, version or route here."""


class NotReady(SluiceError):
    """The model is loading, or the process is about to end."""

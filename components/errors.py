"""The one tree of errors that Sluice raises.

SluiceError
├── InputError       what the caller gave is wrong: a file, a flag, a record
│   └── ArtifactError    a model's files are missing, altered or refused
├── PlatformError    a server is missing, unhealthy or refuses
│   └── Unreachable      it did not answer: trying again may help
└── LeaseHeld        another release holds the endpoint
"""


class SluiceError(Exception):
    """What went wrong in one line, with the mend in the same line."""


class InputError(SluiceError):
    """What the caller gave is wrong: a file, a flag, a record."""


class ArtifactError(InputError):
    """A model's files are missing, altered or of a refused kind."""


class PlatformError(SluiceError):
    """A server is missing, unhealthy or refuses."""


class Unreachable(PlatformError):
    """A server did not answer; the same call may succeed later."""


class LeaseHeld(SluiceError):
    """Another release holds the endpoint."""

"""What a version is, everywhere: a model, a number and the digest of a manifest.

The number alone says little: two models count from 1, and so does a model that was deleted and
registered again. Routes, counters, predictors and records know a version by a name at its endpoint,
which is the number for as long as no other version of that number serves there.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Identity:
    """Two versions that differ in any of these are two versions."""

    model: str
    version: str
    """The number in the registry."""
    digest: str
    """SHA-256 of the manifest, in hexadecimal; empty where nothing vouches for the files."""

    @property
    def full_name(self) -> str:
        """The number, and eight digits of all three: short enough for a label of Kubernetes."""
        everything = "\0".join((self.model, self.version, self.digest))
        return f"{self.version}-{hashlib.sha256(everything.encode()).hexdigest()[:8]}"

    def name_among(self, served: Mapping[str, "Identity"]) -> str:
        """What the version is called at an endpoint where ``served`` serves, by name."""
        own = next((name for name, other in served.items() if other == self), None)
        if own is not None:
            return own
        return self.full_name if self.version in served else self.version

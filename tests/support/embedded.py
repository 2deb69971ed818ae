"""A cluster of this machine, as the fixture `embedded` gives it."""

from dataclasses import dataclass

from cluster.embedded.home import Home


@dataclass(frozen=True)
class Embedded:
    """One that is up."""

    home: Home

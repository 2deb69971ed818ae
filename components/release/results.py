"""What each step returns: the outputs that KFP and Argo see."""

from components.models import Frozen


class Due(Frozen):
    """What the registry wants released now."""

    begin: str
    """yes, or no: nothing is wanted, or a release is under way."""
    release_id: str
    version: str
    """Of the candidate; both are empty when nothing is to begin."""


class Fetched(Frozen):
    """Which versions are compared."""

    candidate: str
    champion: str
    """Empty when there is none."""
    kind: str
    """What kind of release it is: first, canary, re-release or unchanged."""


class Evaluated(Frozen):
    """Where the release goes from here."""

    strategy: str
    """canary, direct or rejected."""
    reason: str


class Deployed(Frozen):
    """What is served now."""

    versions: str
    """Separated by commas."""


class Shifted(Frozen):
    """A split in force."""

    percent: int
    applied_s: float
    """Seconds until every proxy itself showed it."""


class Watched(Frozen):
    """How a watch ended."""

    verdict: str
    """PROMOTE, ROLLBACK, HOLD or ERROR."""
    reason: str


class Ended(Frozen):
    """How the release ended."""

    outcome: str
    """promoted, rolled_back, held, error, or none if it never began."""
    reason: str

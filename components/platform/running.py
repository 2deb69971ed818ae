"""What is known of the predictors that are there."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Readiness:
    """Whether a predictor can answer, and if not, why not."""

    state: Literal["ready", "starting", "failed", "absent"]
    why: str = ""
    """One line for people, of what is known now: known at once, not after a time limit."""


@dataclass(frozen=True)
class Running:
    """One predictor of an arm (`components.arms`): what a release looks at between its polls."""

    arm: str
    ready: bool
    """It answers whoever is sent there."""
    code: str = ""
    """The digest of the image that it runs; empty where nobody can tell."""
    cpu: str = ""
    """What it may use, by whoever said so, as Kubernetes writes it; empty: nobody limits it."""
    memory: str = ""


@dataclass(frozen=True)
class Span:
    """A time in which a version had predictors, asked or not: what is billed."""

    endpoint: str
    version: str
    """The arm, see `components.arms`."""
    start: float
    end: float | None
    """Seconds since the epoch, both; None: they are there now."""
    price: str = ""
    """Of one predictor, an id of `components/cost/prices.yaml`; empty: the file named none."""
    replicas: int = 1

"""What the judge is asked to decide, and how sure it must be."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from components.models import Strict


def _rising(steps: tuple[int, ...]) -> tuple[int, ...]:
    rising = all(a < b for a, b in zip((0, *steps), steps, strict=False))
    if not steps or not rising or steps[-1] != 100:
        raise ValueError("steps must rise from above 0 to 100, for example [10, 50, 100]")
    return steps


Steps = Annotated[tuple[int, ...], AfterValidator(_rising)]
"""Percent of traffic of the candidate, rising; 100 is the promotion and is not watched."""


class JudgeSettings(Strict):
    """The part of the policy that an endpoint's file states under ``release.judge``."""

    method: Literal["sequential", "threshold"] = "sequential"
    error_rate: float = Field(0.01, gt=0, lt=0.5)
    """The share of failed requests above which a version is bad."""
    p95_ratio: float = Field(1.3, gt=1, le=10)
    """Candidate p95 over production p95 above which a version is bad."""
    false_rollback: float = Field(0.01, gt=0, lt=0.5)
    """Probability that a whole release of a good version is rolled back, at most."""
    undecided: Literal["extend", "hold", "rollback"] = "extend"
    """What to do at a step's end when the evidence decides nothing."""
    max_extension: float = Field(1.0, ge=0, le=100)
    """`undecided: extend` waits this many watches more; then it rolls back."""
    false_promotion: float = Field(0.05, gt=0, lt=0.5)
    """Probability that a version whose error rate is at the limit counts as safe, at most."""
    client_share: float = Field(0.8, gt=0, le=1)
    """A client that made a larger share of the candidate's requests is named in the verdict."""
    min_clients: int = Field(1, ge=1, le=100)
    """A promotion needs evidence of so many clients: the error rate must be shown to be below the
    limit without the busiest ``min_clients - 1`` too, and these may have at most `client_share`."""
    min_requests: int = Field(1000, ge=1, le=2**31 - 1)
    """`method: threshold` decides nothing before both versions had this many requests."""


class Policy(JudgeSettings):
    """Everything that the verdict depends on besides the polls."""

    steps: Steps = (10, 100)
    watch_s: float = Field(1800.0, gt=0)
    """Seconds per step."""
    poll_s: float = Field(15.0, gt=0)
    """Seconds between polls."""

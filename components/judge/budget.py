"""How one false-rollback budget is split between the tests of a release."""

from dataclasses import dataclass

ERRORS_SHARE = 0.25
"""Of the budget: the error rate (over the limit and worse than production, both)."""
P95_SHARE = 0.6
"""Of the budget: the p95 latency."""
REFUSED_SHARE = 0.1
"""Of the budget: more refused requests than production's."""
SPLIT_SHARE = 0.05
"""Of the budget: the split check, whose ERROR also ends the release of a good version."""


@dataclass(frozen=True)
class Budget:
    """False-rollback probability per test; their sum is the policy's `false_rollback`."""

    errors: float
    p95: float
    refused: float
    split: float


def split(false_rollback: float) -> Budget:
    """The budget of one release by test (union bound).

    The error rate needs one share for its two tests: a version within the limit is protected by
    the first, a version no worse than production by the second (intersection-union test, Berger
    1982), since both must cross.
    """
    return Budget(
        errors=false_rollback * ERRORS_SHARE,
        p95=false_rollback * P95_SHARE,
        refused=false_rollback * REFUSED_SHARE,
        split=false_rollback * SPLIT_SHARE,
    )

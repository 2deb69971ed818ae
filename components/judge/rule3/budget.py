"""Rule 3's split of one false-rollback budget."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """False-rollback probability per test; their sum is the policy's `false_rollback`."""

    errors: float
    p95: float
    split: float


def split(false_rollback: float) -> Budget:
    """The budget of one release by test."""
    return Budget(
        errors=false_rollback * 0.25, p95=false_rollback * 0.7, split=false_rollback * 0.05
    )

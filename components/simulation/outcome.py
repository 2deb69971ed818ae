"""What a rule decided in each simulated release."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

HELD, PROMOTED, ROLLED_BACK, ERROR = range(4)


@dataclass(frozen=True)
class Outcomes:
    """One decision per release; `at_s` is when it fell, in seconds (the watch's end if held)."""

    decision: npt.NDArray[np.int8]
    at_s: npt.NDArray[np.float64]


def first_true(hits: npt.NDArray[np.bool_], times_s: npt.NDArray[np.float64]) -> Outcomes:
    """Roll back at the first hit; promote at the last time where there is none.

    Args:
        hits: (releases, times), the rule's reason to roll back.
        times_s: (times,) in seconds.
    """
    hit = hits.any(axis=1)
    return Outcomes(
        decision=np.where(hit, ROLLED_BACK, PROMOTED).astype(np.int8),
        at_s=np.where(hit, times_s[hits.argmax(axis=1)], times_s[-1]),
    )

"""What ``kubectl get httproute -L`` shows of an endpoint: pure functions."""

from collections.abc import Mapping

from cluster.names import annotation, label_value
from components import arms
from components.platform import Lease

PHASE, CHAMPION, CANDIDATE, SHARE = (
    annotation(key) for key in ("phase", "champion", "candidate", "share")
)
IDLE, RELEASING, WAITING = "Idle", "Releasing", "Waiting"
"""Waiting: its release's next step is held."""


def marks(weights: Mapping[str, int], lease: Lease | None) -> dict[str, str | None]:
    """The labels for a split, and the lease under which it was asked for; None: it has none.

    The champion is who gets the traffic when the lease ends, the candidate the other version.
    """
    back = (lease.restore if lease else None) or weights
    champion = arms.version_of(_busiest(back))
    others = {v: s for v, s in weights.items() if arms.version_of(v) != champion}
    candidate = _busiest(others) if lease and others else None
    return {
        PHASE: (WAITING if lease.waits else RELEASING) if lease else IDLE,
        CHAMPION: label_value(champion),
        CANDIDATE: label_value(arms.version_of(candidate)) if candidate else None,
        SHARE: str(weights[candidate]) if candidate else None,
    }


def _busiest(weights: Mapping[str, int]) -> str:
    return max(sorted(weights), key=lambda arm: weights[arm])

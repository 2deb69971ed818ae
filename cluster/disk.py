"""What a predictor takes of its node's disk: pure functions.

The version's files are there twice: as they were fetched and verified, and as the copy that the
model is loaded from. Both are volumes on the node's disk, and count, with logs, as its pod's.
"""

import math
from dataclasses import dataclass

from components.quantity import bytes_of

_MIB = 2**20
_BLOCKS = 32 * _MIB
"""What a file system needs for a version's files beside their bytes."""
_REST = 1024 * _MIB
"""Logs, and whatever else a pod writes that is in no volume, at most."""


@dataclass(frozen=True)
class Disk:
    """Quantities of a predictor's pod, as Kubernetes writes them."""

    files: str
    """At most, of the volume of the verified files."""
    scratch: str
    """At most, of the volume that has the copy, and what is written while the model is loaded."""
    request: str
    """What a node must have free for it to be placed there."""
    limit: str
    """Beyond it the kubelet evicts the pod: above what its volumes may hold together."""


def disk(size: int, memory: str) -> Disk | None:
    """What a predictor of so many bytes of files gets; None where nobody knows how many.

    Loading may write as much beside the copy as it may take of the memory.
    """
    if not size:
        return None
    files = size + _BLOCKS
    scratch = files + bytes_of(memory)
    return Disk(*map(_quantity, (files, scratch, 2 * files, files + scratch + _REST)))


def _quantity(count: int) -> str:
    return f"{math.ceil(count / _MIB)}Mi"

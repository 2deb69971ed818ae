"""Counters as a record can hold them."""

import math
from collections.abc import Mapping

import msgspec

from components.judge import Sample
from components.release.context import Release
from components.release.state import ReleaseState


def readable(
    release: Release,
    state: ReleaseState,
    versions: Mapping[str, Mapping[str, Sample | None]],
) -> dict[str, dict[str, Sample | None]]:
    """The counters as the record can hold them, in the release's own seconds.

    JSON has no NaN and no infinity, so a source with such a counter counts as not read.
    """
    read: dict[str, dict[str, Sample | None]] = {}
    for version, sources in versions.items():
        read[version] = {}
        for source, found in sources.items():
            finite = found is None or _finite(found)
            if not finite:
                detail = f"version {version}, source {source}: a counter is NaN or infinite"
                release.record.note("counter_not_finite", f"{detail}; the source is not read")
            read[version][source] = _since(state.started_at, found) if found and finite else None
    return read


def _finite(found: Sample) -> bool:
    counters = (found.requests, found.errors, found.refused, found.unanswered, found.retried)
    born = () if found.born is None else (found.born,)
    return all(map(math.isfinite, (*counters, *born, *found.buckets.values())))


def _since(began: float, found: Sample) -> Sample:
    """The sample with its source's start in seconds since ``began``."""
    if found.born is None:
        return found
    return msgspec.structs.replace(found, born=round(found.born - began))

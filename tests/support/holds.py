"""Releases that are held before a step, by their records."""

from typing import Any

import yaml

from components.record import Held, WeightsSet, of
from tests.support.releases import Recorded
from tests.support.road import Road


def holds(release: Recorded) -> list[tuple[int, tuple[str, ...]]]:
    """Each step that was held, and for what; for nothing: it was taken then."""
    found = of(release.lines(), Held)
    return [(each.step, tuple(wait.cause for wait in each.waits)) for each in found]


def is_held(release: Recorded, step: int, cause: str) -> bool:
    """Whether a step was held for one cause, so far."""
    return release.exists() and (step, (cause,)) in holds(release)


def first_share_at(release: Recorded, version: str) -> float:
    """When a version had users first, in seconds since the epoch."""
    return next(
        line.at
        for line in release.lines()
        if isinstance(line.body, WeightsSet) and line.body.weights.get(version)
    )


def with_windows(team: Road, **windows: Any) -> None:
    """Give the endpoint's file these windows, for its next release."""
    content = yaml.safe_load(team.file.read_text())
    content["release"]["windows"] = windows
    team.platform.endpoints.apply(yaml.safe_dump(content), str(team.file))

"""A release's decision record on disk, and its copy in MLflow."""

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components import record
from components.errors import InputError
from components.record import Line
from components.registry import Registry
from components.release.state import State, fold

EXPERIMENT = "sluice-releases"
TAG = "sluice.release"


@dataclass(frozen=True)
class Journal:
    """The record of one release. Its lines are the only state that a release has."""

    folder: Path

    @property
    def path(self) -> Path:
        """The record's file."""
        return self.folder / "record.jsonl"

    def exists(self) -> bool:
        """True once the first line is written."""
        return self.path.exists() and self.path.stat().st_size > 0

    def lines(self) -> list[Line]:
        """Every line, verified."""
        return record.read(self.path)

    def state(self) -> State:
        """Where the release stands."""
        return fold(self.lines())

    def append(self, kind: str, body: dict[str, Any]) -> Line:
        """Add a line; it is on disk when this returns."""
        return record.append(self.path, kind, body, time.time())

    def event(self, name: str, detail: str = "") -> None:
        """Add what happened besides the plan."""
        self.append("event", {"event": name, "detail": detail})

    def waits_for_mirror(self) -> bool:
        """True when the release has ended and MLflow lacks some of its record."""
        ends = record.ends(self.path)
        if ends is None or ends[1].kind not in ("end", "event"):
            return False
        marker = self.folder / "mirrored"
        return not marker.exists() or marker.read_text() != ends[1].hash

    def mirror(self, registry: Registry) -> None:
        """Copy the record to the release's run in MLflow.

        Raises:
            Unreachable: MLflow did not take it; nothing is lost here.
        """
        lines = self.lines()
        registry.log_artifact(fold(lines).run_id, self.path.name, self.path.read_bytes())
        (self.folder / "mirrored").write_text(lines[-1].hash)


def journal(home: Path, release_id: str) -> Journal:
    """The journal of a release, which need not exist yet.

    Raises:
        InputError: the id could not name a folder.
    """
    allowed = release_id.replace("-", "").replace("_", "").replace(".", "")
    if not allowed.isalnum() or release_id.startswith((".", "-")) or len(release_id) > 120:
        raise InputError(f"{release_id!r} is no release id: see 'sluice releases'")
    return Journal(home / "releases" / release_id)


def opened(home: Path, release_id: str, registry: Registry) -> Journal:
    """The journal of a release that began, fetched from MLflow where this machine has none.

    Raises:
        InputError: no release has this id.
    """
    found = journal(home, release_id)
    if not found.exists():
        run_id = registry.find_run(EXPERIMENT, TAG, release_id)
        content = registry.artifact(run_id, found.path.name) if run_id else None
        if content is None:
            raise InputError(f"no release {release_id!r}: see 'sluice releases'")
        found.folder.mkdir(parents=True, exist_ok=True)
        found.path.write_bytes(content)
    return found


def journals(home: Path) -> list[Journal]:
    """Every release that this machine has a record of, oldest first, damaged records last."""
    found = [Journal(folder) for folder in sorted((home / "releases").glob("*"))]
    begun = [(at, log) for log in found if log.exists() and (at := _begun_at(log)) is not None]
    return [log for _, log in sorted(begun, key=lambda pair: pair[0])]


def _begun_at(log: Journal) -> float | None:
    """When a record began; None before its first whole line, infinity where it cannot be read."""
    try:
        ends = record.ends(log.path)
    except InputError:
        return math.inf
    return ends[0].at if ends else None

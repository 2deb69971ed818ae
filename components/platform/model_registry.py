"""The model registry as an interface: as much of MLflow as a release needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class ModelVersion:
    """One registered version of a model."""

    model: str
    version: str
    run_id: str
    model_id: str
    """The logged model behind the version; empty for versions made before MLflow 3."""
    tags: Mapping[str, str]


class ModelRegistry(Protocol):
    """As much of MLflow as a release needs.

    Each call may raise `Unreachable`, or `PlatformError`: it may not be asked so. An `InputError`
    is of what was asked for, and nothing else.
    """

    @property
    def url(self) -> str:
        """The server's base URL, for MLflow's own clients."""

    def version(self, model: str, version: str) -> ModelVersion:
        """The version's entry; InputError if there is none."""

    def alias(self, model: str, alias: str) -> str | None:
        """The version that carries ``alias``, or None; InputError if there is no such model."""

    def set_alias(self, model: str, alias: str, version: str) -> None:
        """Move ``alias`` to ``version``."""

    def delete_alias(self, model: str, alias: str) -> None:
        """Take ``alias`` away; harmless when no version carries it."""

    def swap_alias(self, model: str, alias: str, expected: str | None, new: str | None) -> bool:
        """Move ``alias`` from ``expected`` to ``new`` (None: no version), if it is still there.

        Returns:
            True if it was; False if another version carries it, which keeps it.
        """

    def tag_version(self, model: str, version: str, tags: Mapping[str, object]) -> None:
        """Set tags of a version; values are written as text."""

    def download(self, model: str, version: str, folder: Path) -> None:
        """Copy the version's files into ``folder``; ArtifactError if they cannot be taken."""

    def find_run(self, experiment: str, tag: str, value: str) -> str | None:
        """The id of the run in ``experiment`` whose ``tag`` has ``value``, or None."""

    def create_run(self, experiment: str, name: str, tags: Mapping[str, str]) -> str:
        """A new run in the experiment of that name; its id."""

    def log_metrics(self, run_id: str, metrics: Mapping[str, float], model_id: str = "") -> None:
        """Write metrics to a run and, where given, to the logged model."""

    def end_run(self, run_id: str, status: str) -> None:
        """Close a run; ``status`` is FINISHED, FAILED or KILLED."""

    def log_artifact(self, run_id: str, path: str, content: bytes) -> None:
        """Store ``content`` as the run's artifact ``path``, replacing what was there."""

    def artifact(self, run_id: str, path: str) -> bytes | None:
        """The content of the run's artifact ``path``, or None."""

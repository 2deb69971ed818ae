"""A registry that behaves as an MLflow server does (`components.platform.ModelRegistry`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from components.errors import ArtifactError, InputError
from components.platform.model_registry import ModelVersion
from components.registry.names import REGISTERED_EXPERIMENT

_STATUSES = frozenset({"RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"})


@dataclass
class Model:
    """A registered model."""

    versions: dict[str, ModelVersion] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """By version, then by path."""
    newest: int = 0
    """The highest number that was given: none is given twice."""


@dataclass
class Run:
    """A run of an experiment."""

    experiment: str
    name: str
    tags: dict[str, str]
    status: str = "RUNNING"
    metrics: dict[str, float] = field(default_factory=dict)
    artifacts: dict[str, bytes] = field(default_factory=dict)


class MemoryRegistry:
    """Models, versions, aliases and runs in dictionaries."""

    def __init__(self) -> None:
        self.models: dict[str, Model] = {}
        self.runs: dict[str, Run] = {}
        self.model_metrics: dict[str, dict[str, float]] = {}
        """What was logged to logged models, by their ids."""

    @property
    def url(self) -> str:
        """An address; nobody listens there."""
        return "memory://mlflow"

    def add(self, model: str, files: Mapping[str, bytes], tags: Mapping[str, str]) -> str:
        """Register a new version of ``model`` with these files; its number."""
        found = self.models.setdefault(model, Model())
        found.newest += 1
        version = str(found.newest)
        run_id = self.create_run(REGISTERED_EXPERIMENT, f"{model} {version}", {})
        logged = f"m-{run_id}"
        found.versions[version] = ModelVersion(model, version, run_id, logged, dict(tags))
        found.files[version] = dict(files)
        return version

    def delete_version(self, model: str, version: str) -> None:
        """Delete a version, as a person may at any time, and its aliases."""
        found = self._model(model)
        del found.versions[version], found.files[version]
        found.aliases = {alias: its for alias, its in found.aliases.items() if its != version}

    def delete_model(self, model: str) -> None:
        """Delete a registered model: one of the same name begins at version 1."""
        del self.models[model]

    def version(self, model: str, version: str) -> ModelVersion:
        """The version's entry."""
        found = self._model(model).versions
        if version not in found:
            raise InputError(f"MLflow refuses: model version {model} {version} not found")
        return found[version]

    def alias(self, model: str, alias: str) -> str | None:
        """The version that carries ``alias``, or None."""
        return self._model(model).aliases.get(alias)

    def set_alias(self, model: str, alias: str, version: str) -> None:
        """Move ``alias`` to ``version``."""
        self._model(model).aliases[alias] = self.version(model, version).version

    def delete_alias(self, model: str, alias: str) -> None:
        """Take ``alias`` away; harmless when no version carries it."""
        self._model(model).aliases.pop(alias, None)

    def swap_alias(self, model: str, alias: str, expected: str | None, new: str | None) -> bool:
        """Move ``alias`` from ``expected`` to ``new``, if it is still there."""
        if self.alias(model, alias) != expected:
            return False
        if new is None:
            self.delete_alias(model, alias)
        else:
            self.set_alias(model, alias, new)
        return True

    def tag_version(self, model: str, version: str, tags: Mapping[str, object]) -> None:
        """Set tags of a version; values are written as text."""
        found = self.version(model, version)
        written = {key: str(value) for key, value in tags.items()}
        self._model(model).versions[version] = replace(found, tags={**found.tags, **written})

    def download(self, model: str, version: str, folder: Path) -> None:
        """Copy the version's files into ``folder``."""
        self.version(model, version)
        files = self._model(model).files[version]
        if not files:
            raise ArtifactError(
                f"{model} version {version} has no files in the registry: log the model again"
            )
        for name, content in files.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    def find_run(self, experiment: str, tag: str, value: str) -> str | None:
        """The id of the newest run in ``experiment`` whose ``tag`` has ``value``, or None."""
        for run_id, run in reversed(self.runs.items()):
            if run.experiment == experiment and run.tags.get(tag) == value:
                return run_id
        return None

    def create_run(self, experiment: str, name: str, tags: Mapping[str, str]) -> str:
        """A new run in the experiment of that name; its id."""
        run_id = f"{len(self.runs) + 1:032x}"
        self.runs[run_id] = Run(experiment, name, dict(tags))
        return run_id

    def log_metrics(self, run_id: str, metrics: Mapping[str, float], model_id: str = "") -> None:
        """Write metrics to a run and, where given, to the logged model."""
        self._run(run_id).metrics.update(metrics)
        if model_id:
            self.model_metrics.setdefault(model_id, {}).update(metrics)

    def end_run(self, run_id: str, status: str) -> None:
        """Close a run."""
        if status not in _STATUSES:
            raise InputError(f"MLflow refuses: {status!r} is not a status of a run")
        self._run(run_id).status = status

    def log_artifact(self, run_id: str, path: str, content: bytes) -> None:
        """Store ``content`` as the run's artifact ``path``, replacing what was there."""
        self._run(run_id).artifacts[path] = content

    def artifact(self, run_id: str, path: str) -> bytes | None:
        """The content of the run's artifact ``path``, or None."""
        return self._run(run_id).artifacts.get(path)

    def _model(self, model: str) -> Model:
        if model not in self.models:
            raise InputError(f"MLflow refuses: registered model {model} not found")
        return self.models[model]

    def _run(self, run_id: str) -> Run:
        if run_id not in self.runs:
            raise InputError(f"MLflow refuses: run {run_id!r} not found")
        return self.runs[run_id]

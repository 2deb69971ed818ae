"""Example versions into MLflow: run, logged model, checksum manifest, registered version.

Nothing is written twice: a version carries the digest of what made it, and is found again by it.
"""

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.bundle import write_manifest
from components.errors import PlatformError

RECIPE_TAG = "sluice.recipe"
MANIFEST_TAG = "sluice.manifest"
DATA_TAG = "sluice.training-data"
EXPERIMENT = "sluice-examples"

_DIGEST_CHARACTERS = 32
"""MLflow keeps at most 36 characters of a data set's digest."""


@dataclass(frozen=True)
class Candidate:
    """One version to be registered.

    ``save`` writes an MLflow model directory to the folder that it is given, without a manifest.
    """

    model: str
    recipe: str
    """Digest of all that makes the version."""
    name: str
    summary: str
    card: str
    save: Callable[[Path, Any], None]
    metrics: Mapping[str, float]
    params: Mapping[str, str]
    data_uri: str
    data_digest: str


@dataclass(frozen=True)
class Registered:
    """A version in the registry."""

    model: str
    version: str
    name: str
    new: bool
    """False when the version was there already."""
    metrics: Mapping[str, float]


def client(url: str) -> Any:
    """An ``mlflow.MlflowClient`` of the server at ``url`` that prints and logs warnings only."""
    import logging
    import os

    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    import mlflow

    for library in ("mlflow", "botocore", "boto3"):
        logging.getLogger(library).setLevel(logging.WARNING)

    return mlflow.MlflowClient(tracking_uri=url, registry_uri=url)


def find(server: Any, model: str, recipe: str) -> Registered | None:
    """The version of ``model`` that ``recipe`` made, or None.

    A version without a manifest's digest was left by a run that was cut off, and does not count.
    """
    for entry in server.search_model_versions(f"name = '{model}'"):
        if entry.tags.get(RECIPE_TAG) == recipe and MANIFEST_TAG in entry.tags:
            metrics = server.get_run(entry.run_id).data.metrics
            return Registered(model, str(entry.version), entry.tags["sluice.name"], False, metrics)
    return None


def register(server: Any, candidate: Candidate) -> Registered:
    """Log ``candidate`` with signature, input example, metrics, data digest and card; register it.

    Raises:
        PlatformError: the server refused.
    """
    from mlflow.exceptions import MlflowException

    try:
        return _register(server, candidate)
    except MlflowException as error:
        raise PlatformError(
            f"{candidate.model} {candidate.name}: MLflow refused: {error}"
        ) from error


def _register(server: Any, candidate: Candidate) -> Registered:
    from mlflow.entities import Metric, Param
    from mlflow.models import Model

    experiment = _experiment(server)
    run = server.create_run(experiment, run_name=f"{candidate.model} {candidate.name}")
    run_id = run.info.run_id
    server.log_inputs(run_id, datasets=[_dataset(candidate)])
    logged = server.create_logged_model(
        experiment,
        name=candidate.model,
        source_run_id=run_id,
        params=dict(candidate.params),
        model_type="classifier",
    )
    now = int(time.time() * 1000)
    server.log_batch(
        run_id,
        metrics=[
            Metric(key, value, now, 0, model_id=logged.model_id)
            for key, value in candidate.metrics.items()
        ],
        params=[Param(key, value) for key, value in candidate.params.items()],
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "model")
        description = Model(
            artifact_path=logged.artifact_location,
            run_id=run_id,
            model_uuid=logged.model_id,
            model_id=logged.model_id,
        )
        candidate.save(folder, description)
        (folder / "MODEL_CARD.md").write_text(candidate.card, encoding="utf-8")
        digest = write_manifest(folder)
        server.log_model_artifacts(logged.model_id, str(folder))
    server.finalize_logged_model(logged.model_id, "READY")
    server.set_terminated(run_id, "FINISHED")
    _ensure_model(server, candidate.model)
    version = server.create_model_version(
        candidate.model,
        source=f"models:/{logged.model_id}",
        run_id=run_id,
        model_id=logged.model_id,
        description=candidate.card,
        tags={
            MANIFEST_TAG: digest,
            RECIPE_TAG: candidate.recipe,
            DATA_TAG: candidate.data_digest,
            "sluice.name": candidate.name,
        },
    )
    return Registered(
        candidate.model, str(version.version), candidate.name, True, candidate.metrics
    )


def _experiment(server: Any) -> str:
    found = server.get_experiment_by_name(EXPERIMENT)
    return str(found.experiment_id if found else server.create_experiment(EXPERIMENT))


def _ensure_model(server: Any, model: str) -> None:
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode

    try:
        server.create_registered_model(model)
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
            raise


def _dataset(candidate: Candidate) -> Any:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    return DatasetInput(
        dataset=Dataset(
            name=Path(candidate.data_uri).name,
            digest=candidate.data_digest[:_DIGEST_CHARACTERS],
            source_type="s3",
            source=json.dumps({"uri": candidate.data_uri, "sha256": candidate.data_digest}),
        ),
        tags=[InputTag("mlflow.data.context", "training")],
    )

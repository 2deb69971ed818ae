"""Versions into MLflow: run, logged model, checksum manifest, registered version.

No recipe is registered twice: a version carries the digest of what made it, and is found by it.
"""

import json
import re
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

from components.bundle import mlmodel, write_manifest
from components.direct import ask_directly
from components.errors import InputError, PlatformError
from components.model_name import refuse_model_name
from components.registry.files import check_upload, fetch, refuse_lost_names
from components.registry.names import (
    DATA_TAG,
    MANIFEST_TAG,
    NAME_TAG,
    RECIPE_TAG,
    REGISTERED_EXPERIMENT,
)
from components.requirements import mismatches

if TYPE_CHECKING:
    from components.predictor.trial import Trial

_UNNAMEABLE = re.compile(r"[/:.%\"']")
"""What MLflow takes in a registered model's name, or not, but never in a logged model's."""
_DIGEST_CHARACTERS = 32
"""MLflow keeps at most 36 characters of a data set's digest."""
_NO_MODEL = "no MLflow model: write one with mlflow.<flavor>.save_model(model, folder)"
_NOT_TRIED = (
    "it was not opened to see whether it can be served, since that runs its code:"
    " 'sluice register --allow-pickle' does so"
)


@dataclass(frozen=True)
class Candidate:
    """One version to be registered.

    ``save`` writes an MLflow model directory to the folder that it is given, without a manifest.
    """

    experiment: str
    """Where its run is kept."""
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
    """An ``mlflow.MlflowClient`` of the server at ``url`` that prints and logs warnings only.

    It asks the server itself, whatever proxy the environment names for others.
    """
    import logging
    import os

    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    ask_directly(urlparse(url).hostname or "")
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
            return Registered(model, str(entry.version), entry.tags[NAME_TAG], False, metrics)
    return None


def register(server: Any, candidate: Candidate) -> Registered:
    """Log ``candidate`` with signature, input example, metrics, data digest and card; register it.

    Raises:
        InputError: the name is none for a model.
        PlatformError: the server refused.
    """
    from mlflow.exceptions import MlflowException

    refuse_model_name(candidate.model)
    try:
        return _register(server, candidate)
    except MlflowException as error:
        raise PlatformError(
            f"{candidate.model} {candidate.name}: MLflow refused: {error}"
        ) from error


def _register(server: Any, candidate: Candidate) -> Registered:
    from mlflow.entities import Metric, Param
    from mlflow.models import Model

    run_name = f"{candidate.model} {candidate.name}"
    run_id, logged = _begin(
        server, candidate.experiment, candidate.model, run_name, candidate.params
    )
    server.log_inputs(run_id, datasets=[_dataset(candidate)])
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
        candidate.save(folder, _identified(Model(), run_id, logged))
        (folder / "MODEL_CARD.md").write_text(candidate.card, encoding="utf-8")
        digest = _upload(server, run_id, logged, folder)
    tags = {
        MANIFEST_TAG: digest,
        RECIPE_TAG: candidate.recipe,
        DATA_TAG: candidate.data_digest,
        NAME_TAG: candidate.name,
    }
    version = _publish(server, candidate.model, run_id, logged, tags=tags, card=candidate.card)
    return Registered(candidate.model, version, candidate.name, True, candidate.metrics)


@dataclass(frozen=True)
class Own:
    """A user's own model in the registry."""

    version: str
    refused: str
    """Why it is served only where the endpoint's file allows a pickle; empty if it runs no code."""
    notes: tuple[str, ...] = ()
    """What else its user should know: it was not tried, files look like code, its environment is
    not this one."""


def register_own(server: Any, source: str, model: str, allow_pickle: bool = False) -> Own:
    """Register an MLflow model of a user's own, with a manifest, as a new version of ``model``.

    Args:
        server: see `client`.
        source: the folder that ``mlflow.<flavor>.save_model`` wrote, or an address; see
            `registry.files.fetch`.
        model: name of the registered model, which is made if there is none.
        allow_pickle: see whether it can be served even if opening it runs code of its own.

    Raises:
        InputError: the name is none for a model, or the source is no MLflow model with a signature
            that any client can load.
        ArtifactError: it cannot be loaded, does not answer its own example, or holds a symbolic
            link, a special file, too many files, or one whose name would not survive the upload.
        PlatformError: the server refused, or did not keep what it was sent.
    """
    from mlflow.exceptions import MlflowException

    refuse_model_name(model)
    with tempfile.TemporaryDirectory() as temporary:
        folder = fetch(server, source, Path(temporary, "model"))
        refuse_lost_names(folder)
        trial = examine(folder, source, allow_pickle)
        description = _described(folder, source)
        untried = () if trial.tried else (_NOT_TRIED,)
        notes = (*untried, *trial.hints, *mismatches(folder))
        try:
            run_id, logged = _begin(server, REGISTERED_EXPERIMENT, model, model, {})
            _identified(description, run_id, logged).save(str(folder / "MLmodel"))
            digest = _upload(server, run_id, logged, folder)
            version = _publish(server, model, run_id, logged, tags={MANIFEST_TAG: digest})
        except MlflowException as error:
            raise PlatformError(f"{model}: MLflow refused: {error}") from error
    return Own(version, trial.refused, notes)


def examine(folder: Path, source: str, allow_pickle: bool) -> "Trial":
    """Open the model in ``folder`` and ask it its own example, as the predictor will.

    All of it happens in another process and from a copy, and none of it without ``allow_pickle``
    if it would run code of the model's.

    Args:
        folder: the model's files.
        source: what errors call it.
        allow_pickle: see `register_own`.

    Raises:
        InputError: it is no MLflow model.
        ArtifactError: it cannot be served, or holds a symbolic link, a special file or too many
            files.
    """
    from components.predictor.private_copy import fill, room_for
    from components.predictor.trial import refuse_unservable

    try:
        if not (folder / mlmodel.NAME).is_file():
            raise InputError(_NO_MODEL)
        found = mlmodel.read(folder)
        if mlmodel.PYFUNC not in found.flavors:
            raise InputError("the model has no python_function flavor: it cannot be served")
        if found.content.get("signature") is None:
            raise InputError("the model has no signature: save it with signature=...")
        write_manifest(folder)
        with room_for(folder) as room:
            return refuse_unservable(fill(room, folder), allow_pickle)
    except InputError as error:
        said = str(error).removeprefix(f"{folder}: ")
        raise type(error)(f"{source}: {said}") from error


def _described(folder: Path, source: str) -> Any:
    """What the file `MLmodel` says, as MLflow has it."""
    from mlflow.models import Model

    try:
        return Model.load(str(folder))
    except Exception as error:  # whatever stands in the file
        raise InputError(f"{source}: {_NO_MODEL}") from error


def _begin(
    server: Any, experiment: str, model: str, run_name: str, params: Mapping[str, str]
) -> tuple[str, Any]:
    """A run and the logged model that it makes."""
    found = server.get_experiment_by_name(experiment)
    experiment_id = found.experiment_id if found else server.create_experiment(experiment)
    run_id: str = server.create_run(experiment_id, run_name=run_name).info.run_id
    return run_id, server.create_logged_model(
        experiment_id,
        name=_UNNAMEABLE.sub("-", model),
        source_run_id=run_id,
        params=dict(params),
        model_type="classifier",
    )


def _identified(description: Any, run_id: str, logged: Any) -> Any:
    """An `MLmodel` description with the ids that the server gave."""
    description.artifact_path = logged.artifact_location
    description.run_id = run_id
    description.model_uuid = description.model_id = logged.model_id
    return description


def _upload(server: Any, run_id: str, logged: Any, folder: Path) -> str:
    """Store the files in ``folder`` with a manifest; the manifest's digest.

    Raises:
        PlatformError: the store has not what was sent.
    """
    digest = write_manifest(folder)
    server.log_model_artifacts(logged.model_id, str(folder))
    check_upload(server, logged.model_id, folder)
    server.finalize_logged_model(logged.model_id, "READY")
    server.set_terminated(run_id, "FINISHED")
    return digest


def _publish(
    server: Any, model: str, run_id: str, logged: Any, *, tags: Mapping[str, str], card: str = ""
) -> str:
    """A new version of ``model``; its number."""
    _ensure_model(server, model)
    version = server.create_model_version(
        model,
        source=f"models:/{logged.model_id}",
        run_id=run_id,
        model_id=logged.model_id,
        description=card,
        tags=dict(tags),
    )
    return str(version.version)


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

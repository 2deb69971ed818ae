"""Scoring in a process of its own: a library that crashes on a model's files takes nobody along."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from components import confined
from components.dataset import Dataset
from components.endpoint import Serving
from components.errors import ArtifactError, InputError, PlatformError, SluiceError
from components.evaluation.result import Scores
from components.evaluation.scoring import DEADLINE, score

_OPENING = 600.0
"""Seconds to open a model, and to find out how it runs best."""
_ERRORS = {error.__name__: error for error in (ArtifactError, InputError, PlatformError)}


def score_apart(bundle: Path, serving: Serving, data: Dataset, concurrency: int) -> Scores:
    """The same as `components.evaluation.scoring.score`.

    Raises:
        ArtifactError: the process ended without an answer, or as `score` says.
        InputError: see `score`.
    """
    seconds = _OPENING + DEADLINE * len(data.rows) / concurrency
    size = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file())
    limits = (
        confined.Limits(seconds)
        if serving.allow_pickle
        else confined.Limits.of_files(size, seconds)
    )
    asked = {
        "bundle": str(bundle.absolute()),
        "serving": serving.model_dump(mode="json"),
        "data": {**asdict(data), "rows": [dict(row) for row in data.rows]},
        "concurrency": concurrency,
    }
    try:
        said = confined.run(__name__, asked, limits)
    except confined.Ended as error:
        raise ArtifactError(f"{bundle.name}: the model cannot be scored: {error}") from error
    if "error" in said:
        raise _ERRORS.get(said["error"], SluiceError)(said["message"])
    return msgspec.convert(said, Scores)


def answer(asked: dict[str, Any]) -> Any:
    """In the other process: the scores, or an error of ours by its class and message."""
    data = asked["data"]
    rows = Dataset(data["uri"], data["digest"], tuple(data["rows"]), tuple(data["targets"]))
    serving = Serving.model_validate(asked["serving"])
    try:
        found = score(Path(asked["bundle"]), serving, rows, asked["concurrency"])
    except SluiceError as error:
        return {"error": type(error).__name__, "message": str(error)}
    return msgspec.to_builtins(found)

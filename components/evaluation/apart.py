"""Scoring in a process of its own: a library that crashes on a model's files takes nobody along."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from components import confined
from components.dataset import Dataset
from components.endpoint import Serving
from components.errors import ArtifactError, InputError, PlatformError, SluiceError
from components.evaluation.result import InputsResult, Scores
from components.evaluation.scoring import DEADLINE, score, score_champion, unanswered

_OPENING = 600.0
"""Seconds to open a model, and to find out how it runs best."""
_ERRORS = {error.__name__: error for error in (ArtifactError, InputError, PlatformError)}


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """What asking the versions showed."""

    candidate: Scores
    champion: Scores | None
    inputs: InputsResult | None
    """Whether the candidate takes what the champion's clients send; None if nobody can tell."""


def score_apart(
    bundle: Path, serving: Serving, data: Dataset, concurrency: int, champion: Path | None = None
) -> Compared:
    """The candidate in ``bundle``, and the ``champion``: see `components.evaluation.scoring`.

    Raises:
        ArtifactError: the candidate took its process down, or cannot be loaded.
        InputError: see `score`.
    """
    try:
        return _ask(bundle, serving, data, concurrency, champion)
    except confined.Ended as error:
        said = f"{bundle.name}: the model cannot be scored: {error}"
        if champion is None:
            raise ArtifactError(said) from error
        # Whose fault it was, the candidate alone shows.
        alone = score_apart(bundle, serving, data, concurrency)
        return msgspec.structs.replace(alone, champion=unanswered(data, str(error)).scores)


def _ask(
    bundle: Path, serving: Serving, data: Dataset, concurrency: int, champion: Path | None
) -> Compared:
    folders = [folder for folder in (bundle, champion) if folder]
    seconds = len(folders) * (_OPENING + DEADLINE * len(data.rows) / concurrency)
    limits = confined.Limits.of_models(folders, seconds, trusted=serving.allow_pickle)
    asked = {
        "bundle": str(bundle.absolute()),
        "champion": str(champion.absolute()) if champion else None,
        "serving": serving.model_dump(mode="json"),
        "data": {**asdict(data), "rows": [dict(row) for row in data.rows]},
        "concurrency": concurrency,
    }
    said = confined.run(__name__, asked, limits)
    if "error" in said:
        raise _ERRORS.get(said["error"], SluiceError)(said["message"])
    return msgspec.convert(said, Compared)


def answer(asked: dict[str, Any]) -> Any:
    """In the other process: the scores, or an error of ours by its class and message."""
    data = asked["data"]
    rows = Dataset(data["uri"], data["digest"], tuple(data["rows"]), tuple(data["targets"]))
    serving = Serving.model_validate(asked["serving"])
    clients = asked["concurrency"]
    champion = None
    try:
        if asked["champion"]:
            champion = score_champion(Path(asked["champion"]), serving, rows, clients)
        known = champion.clients if champion else None
        candidate = score(Path(asked["bundle"]), serving, rows, clients, known)
    except SluiceError as error:
        return {"error": type(error).__name__, "message": str(error)}
    found = Compared(
        candidate=candidate.scores,
        champion=champion.scores if champion else None,
        inputs=candidate.inputs,
    )
    return msgspec.to_builtins(found)

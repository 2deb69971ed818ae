"""Whether a model can be served at all: it is opened, and asked its own example.

In a process of its own (`components.confined`): the libraries that read the model's files may crash
on them, and nothing of what happens there stays with who asks.
"""

from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from components import confined
from components.bundle import METADATA, formats, hint, manifest, mlmodel
from components.errors import ArtifactError, SluiceError
from components.predictor.model import Model, ModelFailure

_SECONDS = 600.0


class Trial(NamedTuple):
    """What came of opening a model."""

    refused: str
    """Why it is served only where the endpoint's file allows a pickle; empty if it runs no code."""
    hints: tuple[str, ...]
    """Files that look like code though nothing opens them."""
    tried: bool
    """It was opened and asked; not if it is refused and pickles were not allowed."""


def refuse_unservable(folder: Path, allow_pickle: bool = False) -> Trial:
    """Open the model in ``folder`` in another process, and have it answer its own example.

    Args:
        folder: its files, which are left as they were.
        allow_pickle: open it though that runs code of its own.

    Raises:
        ArtifactError: it cannot be loaded, or its example cannot be asked or answered; says why.
    """
    before = set(folder.rglob("*"))
    limits = confined.Limits.of_models([folder], _SECONDS, trusted=allow_pickle)
    asked = {"folder": str(folder.absolute()), "allow_pickle": allow_pickle}
    try:
        said = confined.run(__name__, asked, limits)
    except confined.Ended as error:
        raise ArtifactError(
            f"the model cannot be served: opening it and asking its own example, {error}"
        ) from error
    finally:
        for path in sorted(set(folder.rglob("*")) - before, reverse=True):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    if said["fault"]:
        raise ArtifactError(f"the model cannot be served: {said['fault']}")
    return Trial(said["refused"], tuple(said["hints"]), said["tried"])


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    """In the other process: the parts of a `Trial`, and the fault if there is one."""
    folder, allow_pickle = Path(asked["folder"]), asked["allow_pickle"]
    refused, hints, fault = "", [], ""
    try:
        description = mlmodel.read(folder)
        names = [name for name, _ in manifest.files(folder)]
        mlmodel.refuse_outside(folder, description, names)
        try:
            formats.refuse_code(folder, description)
        except ArtifactError as error:
            refused = str(error).removeprefix(f"{folder}: ")
        else:
            hints = [text for name in names if (text := _hint(folder / name, name))]
        if allow_pickle or not refused:
            fault = fault_of(folder, allow_pickle)
    except ArtifactError as error:
        fault = str(error).removeprefix(f"{folder}: ")
    tried = allow_pickle or not refused
    return {"refused": refused, "hints": hints, "tried": tried, "fault": fault}


def _hint(path: Path, name: str) -> str:
    try:
        kind = hint.executable_kind(path)
    except ArtifactError as error:
        return str(error)
    return f"{name} {kind}; nothing opens it unless serving.allow_pickle is true" if kind else ""


def fault_of(folder: Path, allow_pickle: bool) -> str:
    """Why the model in ``folder`` cannot be served; empty if it can."""
    from components.predictor.runtimes import open_model

    own = (folder / METADATA).is_file()
    try:
        _ask(open_model(folder, "text-classifier" if own else "mlflow", allow_pickle))
    except SluiceError as error:
        return str(error).removeprefix(f"{folder}: ")
    except Exception as error:  # noqa: BLE001 (a model may raise anything)
        return str(ModelFailure.of(error))
    return ""


def _ask(model: Model) -> None:
    """Have the model answer its example as a client would ask it, and encode what it answers."""
    from components.predictor.runtimes.pyfunc import Pyfunc

    raw: list[Any] = model.samples()
    if isinstance(model, Pyfunc):
        if model.fault:
            raise ArtifactError(model.fault)
        if model.example is None:
            return
        instances = msgspec.json.decode(msgspec.json.encode(model.example.instances))
        raw = model.with_params(model.from_instances(instances), model.example.params)
    # One by one where that is how they would run: those of one group need not be neighbours.
    answers = [answer for row in model.prepare(raw) for answer in model.run([row], alone=True)]
    wanted = [spec.name for spec in model.outputs[: model.default_outputs]]
    msgspec.json.encode(model.to_predictions(answers))
    msgspec.json.encode([tensor.data for tensor in model.to_tensors(answers, wanted)])

"""Whether a model can be served at all: it is opened, and asked its own example.

In a process of its own, `python -B -m components.predictor.trial FOLDER`: the model's code runs
here, and nothing of it stays with who asks. What comes out is one line of JSON.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from components.bundle import METADATA
from components.errors import ArtifactError, SluiceError
from components.predictor.model import Model, ModelFailure

_SECONDS = 600.0


def refuse_unservable(folder: Path) -> None:
    """Open the model in ``folder`` in another process, and have it answer its own example.

    Raises:
        ArtifactError: it cannot be loaded, or its example cannot be asked or answered; says why.
    """
    before = set(folder.rglob("*"))
    command = [sys.executable, "-B", "-m", "components.predictor.trial", str(folder)]
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise ArtifactError(
            f"the model cannot be served: it did not answer its own example in {_SECONDS:g} s"
        ) from error
    finally:
        for path in sorted(set(folder.rglob("*")) - before, reverse=True):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    try:
        reason = json.loads(done.stdout.splitlines()[-1])["refused"]
    except (IndexError, ValueError, KeyError, TypeError):
        said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        reason = f"the process that opened it ended: {said[:500]}"
    if reason:
        raise ArtifactError(f"the model cannot be served: {reason}")


def fault_of(folder: Path) -> str:
    """Why the model in ``folder`` cannot be served; empty if it can."""
    from components.predictor.runtimes import open_model

    own = (folder / METADATA).is_file()
    try:
        model = open_model(folder, "text-classifier" if own else "mlflow", allow_pickle=True)
        _ask(model)
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


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"refused": fault_of(Path(sys.argv[1]))}) + "\n")

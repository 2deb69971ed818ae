"""A command line for steps, derived from their signatures: ``STEP --flag=value … --outputs DIR``.

A package of steps gives its table to `run` in its ``__main__``: `python -m components` is one.
"""

import argparse
import inspect
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from pydantic import BaseModel

from components.disk import replace
from components.errors import SluiceError

PROCESS = "SLUICE_STEP_PROCESS"
"""Environment variable: the file into which the step's process writes its number, for
`components.stop_step`."""
TERMINATED = 128 + signal.SIGTERM
"""Exit code of a step that SIGTERM ended: as the shell has it, and Kubernetes."""

_SUMMARY = (
    "Run one step. The flags are its parameters; each field of its result is written to a file of"
    " that name below --outputs, as Argo and KFP read them."
)

Steps = Mapping[str, Callable[..., BaseModel]]


def run(program: str, steps: Steps, arguments: Sequence[str] | None = None) -> int:
    """Run the step that ``arguments`` (default: this process's) name.

    Args:
        program: how the command line is called, for its help.
        steps: the steps by name; their parameters are texts, numbers and booleans.
        arguments: the step's name and its flags.

    Returns:
        0 done, 1 the step raised an error of ours, which is printed in one line, 143 SIGTERM ended
        it. A usage error ends the process with 2.
    """
    given = vars(parser(program, steps).parse_args(arguments))
    step = steps[given.pop("step")]
    outputs: Path | None = given.pop("outputs")
    try:
        with _terminable():
            result = step(**given)
            if outputs:
                write(result, outputs)
    except SluiceError as error:
        sys.stderr.write(f"sluice: {error}\n")
        return 1
    except Terminated:
        sys.stderr.write("sluice: SIGTERM ended this step; another process may go on with it\n")
        return TERMINATED
    sys.stdout.write(result.model_dump_json() + "\n")
    return 0


class Terminated(BaseException):
    """SIGTERM, as an exception, so that `finally` blocks run."""


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM raise `Terminated` in the block, and whoever is to send it find this process."""

    def terminate(_signum: int, _frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        if named := os.environ.get(PROCESS):
            replace(Path(named), str(os.getpid()))
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def parser(program: str, steps: Steps) -> argparse.ArgumentParser:
    """The command line of ``steps``.

    Raises:
        TypeError: a step has a parameter that no flag can hold.
    """
    top = argparse.ArgumentParser(prog=program, description=_SUMMARY)
    commands = top.add_subparsers(dest="step", required=True)
    for name, step in steps.items():
        summary = (step.__doc__ or "").partition("\n")[0]
        command = commands.add_parser(name, help=summary, description=summary)
        command.add_argument("--outputs", type=Path, help="folder for the result's fields")
        for parameter in inspect.signature(step, eval_str=True).parameters.values():
            if parameter.annotation not in _READERS:
                raise TypeError(f"step {name}: no flag can hold {parameter}")
            required = parameter.default is inspect.Parameter.empty
            command.add_argument(
                "--" + parameter.name.replace("_", "-"),
                type=_READERS[parameter.annotation],
                required=required,
                default=None if required else parameter.default,
            )
    return top


def write(result: BaseModel, folder: Path) -> None:
    """Write each field of ``result`` to a file of its name; text as it is, all else as JSON.

    Each file is there whole or not at all: Argo reads those of a step that was killed, too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for field, value in result.model_dump(mode="json").items():
        text = value if isinstance(value, str) else json.dumps(value)
        replace(folder / field, text, mode=0o644)


def _boolean(text: str) -> bool:
    """Argo and KFP pass booleans as texts, and ``bool("false")`` is true."""
    try:
        return {"true": True, "false": False}[text.lower()]
    except KeyError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false") from error


_READERS: dict[Any, Callable[[str], Any]] = {str: str, int: int, float: float, bool: _boolean}
"""How the text of a flag becomes a parameter, by the parameter's type."""

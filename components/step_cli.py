"""Run one step: `python -m components STEP --flag=value … --outputs DIR`.

The flags are the step's parameters; each field of its result is written to a file of that name in
DIR, as Argo and KFP read them.
"""

import argparse
import inspect
import json
import sys
from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel

from components.errors import SluiceError
from components.steps import STEPS


def parser() -> argparse.ArgumentParser:
    """The command line of all steps, derived from their signatures."""
    top = argparse.ArgumentParser(prog="python -m components", description=__doc__)
    steps = top.add_subparsers(dest="step", required=True)
    for name, step in STEPS.items():
        summary = (step.__doc__ or "").partition("\n")[0]
        command = steps.add_parser(name, help=summary, description=summary)
        command.add_argument("--outputs", type=Path, help="folder for the result's fields")
        for parameter in inspect.signature(step).parameters.values():
            required = parameter.default is inspect.Parameter.empty
            command.add_argument(
                "--" + parameter.name.replace("_", "-"),
                type=parameter.annotation,
                required=required,
                default=None if required else parameter.default,
            )
    return top


def write(result: BaseModel, folder: Path) -> None:
    """Write each field of ``result`` to a file of its name; text as it is, all else as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    for field, value in result.model_dump(mode="json").items():
        text = value if isinstance(value, str) else json.dumps(value)
        (folder / field).write_text(text, encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Run the step that ``arguments`` name; 0 done, 1 error, 2 usage."""
    given = vars(parser().parse_args(arguments))
    step: Callable[..., BaseModel] = STEPS[given.pop("step")]
    outputs: Path | None = given.pop("outputs")
    try:
        result = step(**given)
    except SluiceError as error:
        sys.stderr.write(f"sluice: {error}\n")
        return 1
    if outputs:
        write(result, outputs)
    sys.stdout.write(result.model_dump_json() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The compiled forms: committed, so that what is reviewed and tested is what runs."""

from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "compiled"
WATCHED_STEPS = range(4)
"""A release is compiled for each number of watched traffic steps, up to three."""


def package(watched_steps: int) -> Path:
    """The committed compiled release for that many watched steps."""
    return FOLDER / f"release-{watched_steps}.yaml"


def compile_release(watched_steps: int, target: Path) -> None:
    """Write the KFP form of the release to ``target``."""
    from kfp import compiler

    from pipelines.kfp.release import release

    compiler.Compiler().compile(release(watched_steps), str(target))


def structure(path: Path) -> dict[str, Any]:
    """What a compiled form says, without what differs between versions of the compiler."""
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    content.pop("sdkVersion", None)
    return content

"""The compiled forms: committed, so that what is reviewed and tested is what runs."""

import tempfile
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "compiled" / "kfp"
WATCHED_STEPS = range(4)
"""Numbers of watched traffic steps for which a release is committed; others are compiled when
they are asked for."""


def committed(watched_steps: int) -> Path:
    """Where the committed release for that many watched steps stands."""
    return FOLDER / f"release-{watched_steps}.yaml"


def package(watched_steps: int) -> Path:
    """The compiled release for that many watched steps.

    One that is not committed is written into the platform's home, from the same source.
    """
    from components.platform import connect

    if watched_steps in WATCHED_STEPS:
        return committed(watched_steps)
    folder = connect().home / "compiled"
    folder.mkdir(exist_ok=True)
    target = folder / f"release-{watched_steps}.yaml"
    # Releases of several endpoints may ask at once: none may read half a form.
    with tempfile.TemporaryDirectory(dir=folder) as beside:
        fresh = Path(beside, target.name)
        compile_release(watched_steps, fresh)
        fresh.replace(target)
    return target


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

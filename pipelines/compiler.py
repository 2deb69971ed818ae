"""The compiled forms: committed, so that what is reviewed and tested is what runs."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from hera.workflows import Workflow

COMPILED = Path(__file__).parent / "compiled"
WATCHED_STEPS = range(4)
"""Numbers of watched traffic steps for which a release of KFP is committed; others are compiled
when they are asked for."""
TEMPLATES = range(6)
"""The same of Argo, which runs no others."""


RELEASE, CLOCK = "release", "clock"
"""The pipelines of KFP: one release, and what the clock begins."""


def committed(watched_steps: int, name: str = RELEASE) -> Path:
    """Where the committed pipeline for that many watched steps stands, as KFP runs it."""
    return COMPILED / "kfp" / f"{name}-{watched_steps}.yaml"


def package(watched_steps: int, folder: Path, name: str = RELEASE) -> Path:
    """The compiled pipeline for that many watched steps, as KFP runs it.

    One that is not committed is written into ``folder``, the run's own, from the same source.
    """
    if watched_steps in WATCHED_STEPS:
        return committed(watched_steps, name)
    target = folder / f"{name}-{watched_steps}.yaml"
    (compile_release if name == RELEASE else compile_clock)(watched_steps, target)
    return target


def forms() -> Iterator[tuple[Path, Callable[[Path], None]]]:
    """Every committed form, with what writes it anew to another place."""
    for watched in WATCHED_STEPS:
        yield committed(watched), partial(compile_release, watched)
        yield committed(watched, CLOCK), partial(compile_clock, watched)
    for name, write in _of_argo().items():
        yield COMPILED / "argo" / f"{name}.yaml", write


def _of_argo() -> dict[str, Callable[[Path], None]]:
    from pipelines.hera.reconcile import clock, reconcile
    from pipelines.hera.release import release

    made = {
        **{f"release-{watched}": release(watched) for watched in TEMPLATES},
        "reconcile": reconcile(),
        "reconcile-clock": clock(),
    }
    return {name: partial(_write, workflow) for name, workflow in made.items()}


def _write(workflow: "Workflow", target: Path) -> None:
    target.write_text(workflow.to_yaml(), encoding="utf-8")


def compile_release(watched_steps: int, target: Path) -> None:
    """Write the KFP form of the release to ``target``."""
    from kfp import compiler

    from pipelines.kfp.release import release

    compiler.Compiler().compile(release(watched_steps), str(target))


def compile_clock(watched_steps: int, target: Path) -> None:
    """Write the KFP form of what the clock begins to ``target``."""
    from kfp import compiler

    from pipelines.kfp.clock import clock

    compiler.Compiler().compile(clock(watched_steps), str(target))


def structure(path: Path) -> dict[str, Any]:
    """What a compiled form says, without what differs between versions of the compiler.

    What KFP has of Kubernetes besides, in a second document, stands under ``platforms``.
    """
    content: dict[str, Any] = {}
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        content |= document
    content.pop("sdkVersion", None)
    return content

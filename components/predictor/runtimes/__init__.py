"""The kinds of model that a predictor can serve.

A new one is a module with one class that states what `runtime.Runtime` asks for, and a line in the
table below (and its name in `serving.runtime` of `components.endpoint`, the schema of what users
write; a test holds the two equal).
"""

from collections.abc import Mapping
from pathlib import Path

from components.errors import InputError
from components.predictor.model import Model
from components.predictor.runtimes.pyfunc import Pyfunc
from components.predictor.runtimes.runtime import Runtime
from components.predictor.runtimes.text_classifier import TextClassifier

__all__ = ["RUNTIMES", "Runtime", "open_model", "runtime_of"]

_KNOWN: tuple[type[Runtime], ...] = (
    TextClassifier,
    Pyfunc,
)

RUNTIMES: Mapping[str, type[Runtime]] = {runtime.name: runtime for runtime in _KNOWN}
"""By the name in an endpoint's file."""


def runtime_of(name: str) -> type[Runtime]:
    """The runtime called ``name``.

    Raises:
        InputError: there is none.
    """
    if name not in RUNTIMES:
        raise InputError(f"unknown runtime {name!r}: choose {' or '.join(RUNTIMES)}")
    return RUNTIMES[name]


def open_model(bundle: Path, runtime: str, allow_pickle: bool = False) -> Model:
    """Load the bundle in the folder ``bundle``.

    Raises:
        ArtifactError: files are missing or refused.
        InputError: there is no such runtime.
    """
    return runtime_of(runtime).load(bundle, allow_pickle)

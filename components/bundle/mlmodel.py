"""The file `MLmodel`: read once as MLflow reads it, and the paths that it names.

MLflow joins what stands there to the model's folder and opens, imports or unpickles what it finds,
so a path that leaves the folder is a file that no manifest vouches for.
"""

import io
import itertools
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from components.errors import ArtifactError
from components.files import read_limited
from components.printing import printable

NAME = "MLmodel"
PYFUNC = "python_function"

LOADER_MODULE = "components.registry.flavor"
"""Module with `_load_pyfunc`, named in the `MLmodel` file of every text classifier.

It may never change, wherever the code goes: stored artifacts carry it, a manifest protects them
from being rewritten, and MLflow imports exactly this name to load them.
"""

FORMER_LOADER_MODULE = "components.training.flavor"
"""The same, of text classifiers that were registered before it moved."""

MAX_BYTES = 1024 * 1024
"""A signature of some ten thousand columns."""
_MAX_NODES = 20_000
_MAX_DEPTH = 50
_TEXT = "tag:yaml.org,2002:str"
_LONGEST_NUMBER = 100
"""Characters; the time to read one in base 60, which YAML has, grows with their square."""

_PATH_KEYS = frozenset(
    {
        "agent_data",
        "agent_primitive_data",
        "code",
        "conda_env",
        "data",
        "env",
        "extra_files",
        "model_binary",
        "model_data",
        "model_dir",
        "model_path",
        "parameters_path",
        "path",
        "peft_adaptor",
        "persist_dir",
        "pickled_model",
        "python_env",
        "python_model",
        "requirements_file",
        "saved_model_dir",
        "serialized_explainer",
        "tools_data",
    }
)
"""Keys of MLflow's flavours below which every text is a path to open."""
_BY_NAME = "model_code_path"
"""Where the file lay when it was saved; MLflow opens the one of its name beside `MLmodel`."""
_EXAMPLE_PATHS = ("artifact_path", "serving_input_path")
_NO_PATHS = frozenset({"uri", "model_config", "prompt_template"})
"""Where an artifact came from, and what is handed to the model as it is."""


@dataclass(frozen=True)
class Description:
    """What an `MLmodel` file says: its top level, and its flavours by name."""

    content: Mapping[str, Any]
    flavors: Mapping[str, Mapping[str, Any]]


class _Loader(yaml.SafeLoader):
    """PyYAML's own safe loader, which MLflow uses, with an end to what a file may ask of it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._nodes = 0
        self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._nodes += 1
        self._depth += 1
        if self._nodes > _MAX_NODES or self._depth > _MAX_DEPTH:
            raise yaml.YAMLError("it has more parts than any model's")
        try:
            node = super().compose_node(parent, index)
        finally:
            self._depth -= 1
        scalar = node if isinstance(node, yaml.ScalarNode) and node.tag != _TEXT else None
        if scalar and len(scalar.value) > _LONGEST_NUMBER:
            raise yaml.YAMLError("it has a number or a date that is longer than any")
        return node

    def flatten_mapping(self, node: Any) -> None:
        if any(key.tag == "tag:yaml.org,2002:merge" for key, _ in node.value):
            raise yaml.YAMLError("it has a merge key (<<)")
        super().flatten_mapping(node)


def parse(content: bytes) -> Any:
    """What YAML of a model's own says, which nobody vouches for.

    Raises:
        ArtifactError: it is no YAML, or asks for more than any model's file; says why.
    """
    try:
        # Line ends as a file opened for text has them.
        text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8").read()
        return _Loader(text).get_single_data()
    # Besides its own errors PyYAML lets through what a value's constructor raises.
    except (yaml.YAMLError, RecursionError, ValueError, TypeError, LookupError) as error:
        raise ArtifactError(printable(" ".join(str(error).split())[:300])) from error


def read(folder: Path) -> Description:
    """What `MLmodel` in ``folder`` says.

    Raises:
        ArtifactError: it is missing, too large, or not what MLflow writes.
    """
    content = read_limited(
        folder / NAME,
        MAX_BYTES,
        name=f"{folder}: {NAME}",
        missing="no MLflow model: write one with mlflow.<flavor>.save_model(model, folder)",
        error=ArtifactError,
    )
    try:
        found = parse(content)
    except ArtifactError as error:
        raise ArtifactError(
            f"{folder}: no MLflow pyfunc model: {NAME} is not readable: {error}: save the model"
            " again"
        ) from error
    flavors = found.get("flavors") if isinstance(found, dict) else None
    if not isinstance(flavors, dict) or not all(
        isinstance(name, str) and isinstance(flavor, dict) for name, flavor in flavors.items()
    ):
        raise ArtifactError(
            f"{folder}: no MLflow pyfunc model: {NAME} names no flavors: save the model again"
        )
    return Description(found, flavors)


def refuse_outside(folder: Path, description: Description, names: Iterable[str]) -> None:
    """Refuse a path in ``description`` that is not among the bundle's files.

    Args:
        folder: for the message.
        description: what its `MLmodel` says.
        names: of the bundle's files, with forward slashes.

    Raises:
        ArtifactError: naming the key and the path.
    """
    known = {"."}
    for name in names:
        known.add(name)
        known.update(str(parent) for parent in PurePosixPath(name).parents)
    for key, value in _texts(folder, description.flavors):
        if _NO_PATHS.intersection(key):
            continue
        if _BY_NAME in key:
            _refuse_path(folder, key, PurePosixPath(value).name, known)
        elif _PATH_KEYS.intersection(key):
            _refuse_path(folder, key, value, known)
        elif _leaves(value):
            raise ArtifactError(_said(folder, key, value, "which leads out of the model's folder"))
    example = description.content.get("saved_input_example_info")
    if isinstance(example, dict):
        for name in _EXAMPLE_PATHS:
            for key, value in _texts(folder, example.get(name), "saved_input_example_info", name):
                _refuse_path(folder, key, value, known)


def _refuse_path(folder: Path, key: tuple[str, ...], value: str, known: Container[str]) -> None:
    if _leaves(value):
        raise ArtifactError(_said(folder, key, value, "which leads out of the model's folder"))
    if str(PurePosixPath(value)) not in known:
        raise ArtifactError(_said(folder, key, value, "which is not among the model's files"))


def _said(folder: Path, key: tuple[str, ...], value: str, what: str) -> str:
    named = printable(f"{value!r:.300} as {'.'.join(key):.300}")
    return f"{folder}: {NAME} names {named}, {what}: save the model again"


def _leaves(value: str) -> bool:
    path = PurePosixPath(value)
    return path.is_absolute() or ".." in path.parts or value.startswith("~") or "\0" in value


def _texts(folder: Path, value: Any, *key: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every text below ``value`` with its keys from the top; one that aliases repeat, each time."""
    pending: list[tuple[Any, tuple[str, ...], int]] = [(value, key, 0)]
    for count in itertools.count():
        if not pending:
            return
        item, at, depth = pending.pop()
        if count > _MAX_NODES or depth > _MAX_DEPTH:
            raise ArtifactError(
                f"{folder}: {NAME} has more parts than any model's: save the model again"
            )
        if isinstance(item, str):
            yield at, item
        elif isinstance(item, dict):
            pending += [(below, (*at, str(name)), depth + 1) for name, below in item.items()]
        elif isinstance(item, list | tuple | set):
            pending += [(below, at, depth + 1) for below in item]

"""Which files, loaders and types of an MLflow model could run foreign code."""

from pathlib import Path

import yaml

from components.bundle import executable_kind
from components.errors import ArtifactError

_TRUSTED = ("numpy.", "scipy.", "sklearn.", "builtins.", "collections.")
"""Packages whose types a model saved as skops may name; their constructors run no foreign code."""


def refuse_code(folder: Path) -> None:
    """Refuse a model whose files, loader or types could run foreign code.

    Raises:
        ArtifactError: naming the file or the type.
    """
    for path in sorted(folder.rglob("*")):
        if path.is_file() and (kind := executable_kind(path)):
            raise ArtifactError(
                f"{folder}: {path.name} {kind}, which can run any code: save the model in another "
                "format (skops), or set serving.allow_pickle: true"
            )
    try:
        text = (folder / "MLmodel").read_text(encoding="utf-8")
        flavors = yaml.safe_load(text)["flavors"]
        loader = flavors["python_function"]["loader_module"]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise ArtifactError(f"{folder}: no MLflow pyfunc model: MLmodel is not readable") from error
    if not str(loader).startswith("mlflow."):
        raise ArtifactError(f"{folder}: loader {loader!r} is not one of MLflow's own")
    for flavor in flavors.values():
        for name in flavor.get("skops_trusted_types") or ():
            if not str(name).startswith(_TRUSTED):
                raise ArtifactError(
                    f"{folder}: the model asks to trust {name}: set serving.allow_pickle: true "
                    "if you do"
                )

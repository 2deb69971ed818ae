"""What a model asks of its environment, held against the one that it is served in."""

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from components.bundle import mlmodel
from components.errors import InputError
from components.files import read_limited

_MOST = 20
"""Mismatches that are told one by one."""


def mismatches(folder: Path) -> list[str]:
    """Each requirement of the model in ``folder`` that this environment does not meet, in words.

    MLflow writes a model's packages into `requirements.txt` and its Python into `python_env.yaml`;
    a model without these files asks for nothing. A line that is no plain requirement (an address, a
    flag of pip) is left alone.
    """
    found = []
    if (wanted := _python_of(folder)) and (*wanted.split(".")[:2],) != _here()[:2]:
        found.append(f"the model was saved with Python {wanted}, here is {'.'.join(_here())}")
    for line in _lines(folder / "requirements.txt"):
        try:
            requirement = Requirement(line.partition(" #")[0].strip())
        except InvalidRequirement:
            continue
        if requirement.url or (requirement.marker and not requirement.marker.evaluate()):
            continue
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            found.append(f"the model asks for {requirement}, which is not installed here")
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            found.append(f"the model asks for {requirement}, here is {installed}")
    if len(found) > _MOST:
        found[_MOST:] = [f"and {len(found) - _MOST} more requirements are not met here"]
    return found


def _here() -> tuple[str, str, str]:
    return platform.python_version_tuple()


def _python_of(folder: Path) -> str:
    try:
        content = mlmodel.parse(_content(folder / "python_env.yaml"))
    except InputError:
        return ""
    return str(content.get("python") or "") if isinstance(content, dict) else ""


def _lines(path: Path) -> list[str]:
    try:
        return _content(path).decode().splitlines()
    except (InputError, UnicodeDecodeError):
        return []


def _content(path: Path) -> bytes:
    return read_limited(path, mlmodel.MAX_BYTES, missing="the model has none")

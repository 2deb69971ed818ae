"""What the code imports is asked for by name, not brought along by chance."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
HELPERS = ("tests", "benchmarks")
"""Folders that may use what only developers install."""
ELSEWHERE = ("benchmarks/predictor/peers/", "tests/examples/make_minilm_reference.py")
"""These run in environments of their own, which their first lines describe."""


def _names(requirements: list[str]) -> set[str]:
    """The distributions that ``requirements`` ask for, in normal form."""
    return {_normal(re.split(r"[^\w.-]", text, maxsplit=1)[0]) for text in requirements}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_own(name: str, path: Path) -> bool:
    """True when the file ``path`` finds ``name`` in this repository; tests find their helpers."""
    tests = REPOSITORY / "tests"
    folders = [REPOSITORY, *((tests, path.parent) if path.is_relative_to(tests) else ())]
    return any((f / name).is_dir() or (f / f"{name}.py").exists() for f in folders)


def _imports(root: str) -> Iterator[tuple[str, str]]:
    """File and top-level name of every import of something outside of this repository."""
    for path in sorted((REPOSITORY / root).rglob("*.py")):
        name = path.relative_to(REPOSITORY).as_posix()
        if name.startswith(ELSEWHERE):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                modules = [node.module]
            for top in {module.partition(".")[0] for module in modules}:
                if top not in sys.stdlib_module_names and not _is_own(top, path):
                    yield name, top


ROOTS = sorted(
    path.parent.name
    for path in REPOSITORY.glob("*/__init__.py")
    if not path.parent.name.startswith(".")
)


@pytest.mark.parametrize("root", sorted({*ROOTS, *HELPERS}))
def test_every_import_is_declared(root: str) -> None:
    declared = _names(PROJECT["dependencies"])
    if root in HELPERS:
        declared |= _names(PROJECT["optional-dependencies"]["dev"])
    providers = packages_distributions()
    undeclared = {
        f"{file} imports {top} ({', '.join(providers.get(top, ['not installed']))})"
        for file, top in _imports(root)
        if not declared & {_normal(name) for name in providers.get(top, [])}
    }
    assert undeclared == set()


def test_the_check_sees_what_it_is_to_see() -> None:
    assert {"components", "examples", "pipelines", "local"} <= set(ROOTS)
    assert ("components/registry/client.py", "httpx") in set(_imports("components"))

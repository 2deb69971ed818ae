"""The predictor's parts stand on rising floors: none imports one above it, so no circle exists."""

import ast
from collections.abc import Iterator
from pathlib import Path

PREDICTOR = Path(__file__).parents[2] / "components" / "predictor"
FLOORS = (
    {"model", "garbage"},
    {"scheduling", "runtimes"},
    {"settings", "metrics", "exposition", "arguments", "private_copy"},
    {"trial"},
    {"service"},
    {"http", "kserve"},
    {"server"},
    {"__main__"},
)
NEIGHBOURS = {("kserve", "http"), ("exposition", "metrics"), ("arguments", "settings")}
"""On one floor, who may use whom."""


def imports() -> Iterator[tuple[str, str]]:
    """Which part of the predictor uses which other one."""
    for path in sorted(PREDICTOR.rglob("*.py")):
        part = path.relative_to(PREDICTOR).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                names = node.module.split(".")
                if names[:2] == ["components", "predictor"] and len(names) > 2:
                    yield part, names[2]


def test_no_part_imports_one_above_it() -> None:
    floor = {part: number for number, parts in enumerate(FLOORS) for part in parts}
    floor["__init__"] = len(FLOORS)
    used = {(part, other) for part, other in imports() if part != other}
    assert {part for part, _ in used} | {other for _, other in used} <= set(floor)
    upward = {pair for pair in used - NEIGHBOURS if floor[pair[0]] <= floor[pair[1]]}
    assert upward == set()
    assert ("server", "runtimes") in used

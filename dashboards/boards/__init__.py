"""Grafana's boards as code: ``python -m dashboards`` writes the JSON that Grafana loads.

One module a board. The JSON is schema v1 of `grafana-foundation-sdk`: what file provisioning, the
sidecar and the operator take. It is committed, and a test compares it.
"""

import importlib
import json
from pathlib import Path
from typing import Any

from components.errors import InputError

NAMES = ("fleet", "endpoint", "release", "cost", "drift")
"""The boards, in the order in which one looks at them."""

FOLDER = Path(__file__).parents[1] / "json"


def content(name: str) -> dict[str, Any]:
    """The board as its module makes it."""
    made: dict[str, Any] = importlib.import_module(f"{__name__}.{name}").content()
    return made


def file(name: str) -> Path:
    """Where the board's JSON stands."""
    return FOLDER / f"{name}.json"


def text(name: str) -> str:
    """The board as `file` holds it."""
    return json.dumps(content(name), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def load(name: str) -> dict[str, Any]:
    """The board as its file holds it.

    Raises:
        InputError: there is no such board; names those that there are.
    """
    if name not in NAMES:
        raise InputError(f"there is no board {name!r}: choose {', '.join(NAMES)}")
    found: dict[str, Any] = json.loads(file(name).read_text(encoding="utf-8"))
    return found

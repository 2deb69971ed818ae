"""The JSON schemas that people and editors use: ``python -m components.schemas`` writes them.

One file each in `schemas/`, generated from the types that the code itself checks by.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from components import record
from components.endpoint import Endpoint
from components.judge import Poll

FOLDER = Path(__file__).parents[1] / "schemas"
_DIALECT = {"$schema": "https://json-schema.org/draft/2020-12/schema"}

SCHEMAS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "endpoint": Endpoint.model_json_schema,
    "poll": lambda: {"title": "Poll", **msgspec.json.schema(Poll)},
    "record": record.schema,
}
"""How each schema is made, by name."""


def path(name: str) -> Path:
    """The file of the schema called ``name``."""
    return FOLDER / f"{name}.schema.json"


def text(name: str) -> str:
    """The schema called ``name`` as its file holds it."""
    return json.dumps({**_DIALECT, **SCHEMAS[name]()}, indent=2) + "\n"


def main() -> None:
    """Write every schema."""
    FOLDER.mkdir(exist_ok=True)
    for name in SCHEMAS:
        path(name).write_text(text(name), encoding="utf-8")


if __name__ == "__main__":
    main()

"""What a skops file would have made and called, before any of it is.

A skops file is an archive of a tree of nodes: each names a loader of skops and a type or function.
A list of names alone is no guard: a node may *call* a type that another node only holds (a list's
node calls its class with the items, a dictionary's node calls the types of its keys). So each
loader has its own names here.
"""

import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from components.bundle.skops_types import BY_LOADER, PROTOCOL
from components.errors import ArtifactError
from components.printing import printable

SCHEMA = "schema.json"
_MAX_SCHEMA_BYTES = 512 * 1024 * 1024
_MAX_FILE_BYTES = 32 * 1024 * 1024 * 1024

NAMES: frozenset[str] = frozenset[str]().union(*BY_LOADER.values())
"""All that a file `MLmodel` may ask to trust."""

_MEND = "save the model without it, or set serving.allow_pickle: true if you trust it"


def refuse_code(path: Path) -> None:
    """Refuse the skops file at ``path`` if a node is not one that runs no code.

    Raises:
        ArtifactError: naming the type or function; or the file is no skops file.
    """
    try:
        schema = _schema(path)
    except ArtifactError:
        raise
    except Exception as error:  # zlib, LZMA and bz2 have errors of their own, JSON others
        said = printable(" ".join(str(error).split())[:300]) or type(error).__name__
        raise ArtifactError(
            f"{path.name} is no skops file that can be read: {said}: save the model again"
        ) from error
    if (protocol := schema.get("protocol")) != PROTOCOL:
        raise ArtifactError(
            f"{path.name} is a skops file of protocol {protocol!r:.20}, not {PROTOCOL}:"
            " save the model again with the skops that is installed here"
        )
    for node in _nodes(schema):
        loader, name = node["__loader__"], f"{node.get('__module__')}.{node.get('__class__')}"
        if name not in BY_LOADER.get(loader, ()):
            asked = printable(f"skops' {loader:.100} for {name:.300}")
            raise ArtifactError(
                f"{path.name} asks {asked}, which is not on Sluice's list of what runs no code:"
                f" {_MEND}"
            )


def _schema(path: Path) -> Mapping[str, Any]:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        size = sum(member.file_size for member in members)
        if size > _MAX_FILE_BYTES or archive.getinfo(SCHEMA).file_size > _MAX_SCHEMA_BYTES:
            raise ArtifactError(f"{path.name} unpacks to {size} bytes: no skops file does")
        schema = json.loads(archive.read(SCHEMA))
        if not isinstance(schema, dict):
            raise ArtifactError(f"{path.name} is no skops file: its {SCHEMA} is no object")
        return schema


def _nodes(schema: Any) -> Iterator[Mapping[str, Any]]:
    """Everything that skops could take for a node, wherever it stands."""
    pending = [schema]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            if isinstance(item.get("__loader__"), str):
                yield item
            pending += item.values()
        elif isinstance(item, list):
            pending += item

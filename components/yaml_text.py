"""YAML as people write it, read strictly: nothing in a file may mean what it does not say.

PyYAML reads YAML 1.1, in which ``010`` is eight and ``1:30`` is ninety, takes the last of two equal
keys, and lets a kilobyte of aliases stand for gigabytes.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from components.errors import InputError, describe, faults

MAX_NODES = 10_000
"""Of a file with its aliases written out; no file that a person writes has as many."""

MAX_FAULTS = 20
"""Told of one file: who wrote more begins with these."""

_Model = TypeVar("_Model", bound=BaseModel)

_NUMBER = "tag:yaml.org,2002:int"
_FRACTION = "tag:yaml.org,2002:float"
_PLAIN = {
    _NUMBER: re.compile(r"[-+]?(0|[1-9][0-9]*)"),
    _FRACTION: re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?"),
}


class _Loader(yaml.SafeLoader):
    """Stops at the first part too many: PyYAML takes seconds for a hundred thousand of them."""

    def __init__(self, text: str, source: str) -> None:
        super().__init__(text)
        self._source = source
        self._parts = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """As PyYAML does, and count."""
        self._parts += 1
        if self._parts > MAX_NODES:
            where = f"{self._source}:{self.line + 1}"
            raise InputError(f"{where}: this has more than {MAX_NODES} parts: no such file has")
        return super().compose_node(parent, index)


class Document(NamedTuple):
    """A file's content, and where each part of it stands."""

    content: Any
    node: yaml.Node | None

    def line(self, path: tuple[int | str, ...]) -> int:
        """The line (from 1) of the deepest part of ``path`` that the file has."""
        node = self.node
        line = node.start_mark.line + 1 if node else 1
        for part in path:
            if isinstance(node, yaml.MappingNode):
                found = next(((k, v) for k, v in node.value if k.value == part), None)
                if found is None:
                    break
                line, node = found[0].start_mark.line + 1, found[1]
            elif (
                isinstance(node, yaml.SequenceNode)
                and isinstance(part, int)
                and part < len(node.value)
            ):
                node = node.value[part]
                line = node.start_mark.line + 1
            else:
                break
        return line


def parse(text: str, source: str) -> Document:
    """The document in ``text``; ``source`` names it in errors.

    Raises:
        InputError: it is not YAML, a key stands twice, aliases multiply or go in circles, or a
            number is not plain decimal; says the line.
    """
    try:
        loader = _Loader(text, source)
        node = loader.get_single_node()
        if node is not None:
            _check(node, source)
        content = loader.construct_document(node) if node else None
    # Besides its own errors PyYAML lets through what a value's constructor raises.
    except (yaml.YAMLError, RecursionError, ValueError, TypeError, OverflowError) as error:
        raise InputError(f"{source}: not YAML: {' '.join(str(error).split())}") from error
    return Document(content, node)


def read(model: type[_Model], text: str, source: str, form: str) -> _Model:
    """What ``text`` says, as a model.

    Args:
        model: what it is to be.
        text: a file's content.
        source: names it in errors.
        form: what such a file is, in a few words, for whoever wrote a list.

    Raises:
        InputError: one line a fault, each with the line, the key and what was expected.
    """
    document = parse(text, source)
    if not isinstance(document.content, dict):
        raise InputError(f"{source}:1: {form}")
    try:
        return model.model_validate(document.content)
    except ValidationError as error:
        found = [
            f"{source}:{document.line(place)}: {describe(place, said)}"
            for place, said in faults(error)
        ]
        if len(found) > MAX_FAULTS:
            found[MAX_FAULTS:] = [f"{source}: and {len(found) - MAX_FAULTS} more"]
        raise InputError("\n".join(found)) from error


def _check(root: yaml.Node, source: str) -> None:
    """Look at every node once, however often aliases name it."""
    sizes: dict[int, int] = {}
    open_: set[int] = set()
    pending: list[tuple[yaml.Node, bool]] = [(root, False)]
    while pending:
        node, seen_below = pending.pop()
        key, line = id(node), node.start_mark.line + 1
        if seen_below:
            open_.discard(key)
            sizes[key] = 1 + sum(sizes[id(child)] for child in _children(node))
            if sizes[key] > MAX_NODES:
                raise InputError(
                    f"{source}:{line}: with its aliases written out this has more than "
                    f"{MAX_NODES} parts: write what you mean"
                )
        elif key in open_:
            raise InputError(f"{source}:{line}: an alias refers to what it stands in")
        elif key not in sizes:
            _check_node(node, source)
            open_.add(key)
            pending.append((node, True))
            pending += [(child, False) for child in _children(node)]


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _check_node(node: yaml.Node, source: str) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            where = f"{source}:{key.start_mark.line + 1}"
            if not isinstance(key, yaml.ScalarNode):
                raise InputError(f"{where}: a key is text, not a list or a mapping")
            if key.value in seen:
                raise InputError(f"{where}: {key.value} stands twice")
            seen.add(key.value)
            _refuse_unclear(value, f"{where}: {key.value}")
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_unclear(item, f"{source}:{item.start_mark.line + 1}")


def _refuse_unclear(node: yaml.Node, where: str) -> None:
    """Refuse a number that is not written in plain decimals."""
    if not isinstance(node, yaml.ScalarNode) or node.style is not None:
        return
    plain = _PLAIN.get(node.tag)
    if plain and not plain.fullmatch(node.value):
        raise InputError(
            f"{where}: {node.value} is not a plain number (YAML 1.1 reads octal, base 60,"
            " underscores, .nan): write it in plain decimals, or in quotes if it is text"
        )

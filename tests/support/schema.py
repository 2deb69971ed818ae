"""As much of JSON Schema as the committed schemas use: what is wrong with a value."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
_SAYS_NOTHING = {"$defs", "$schema", "default", "description", "discriminator", "then", "title"}


def faults(schema: Schema, value: Any) -> list[str]:
    """What is wrong with ``value``, each with its place; nothing if it has the schema's form.

    Raises:
        KeyError: the schema uses a word that this does not know.
    """
    return list(_Checker(schema).check(schema, value, "$"))


class _Checker:
    def __init__(self, root: Schema) -> None:
        self._root = root
        self._words: dict[str, Callable[[Schema, Any, str], Iterator[str]]] = {
            "$ref": self._ref,
            "allOf": self._all_of,
            "anyOf": self._any_of,
            "if": self._if,
            "type": self._type,
            "const": self._one_of,
            "enum": self._one_of,
            "minimum": self._bounds,
            "maximum": self._bounds,
            "pattern": self._pattern,
            "required": self._required,
            "properties": self._properties,
            "additionalProperties": self._additional,
            "items": self._items,
        }

    def check(self, schema: Schema, value: Any, at: str) -> Iterator[str]:
        if "type" in schema and next(self._type(schema, value, at), None):
            yield from self._type(schema, value, at)
            return  # the other words are about values of that type
        for word in schema:
            if word not in _SAYS_NOTHING:
                yield from self._words[word](schema, value, at)

    def _holds(self, schema: Schema, value: Any) -> bool:
        return next(self.check(schema, value, ""), None) is None

    def _ref(self, schema: Schema, value: Any, at: str) -> Iterator[str]:
        name = schema["$ref"].rpartition("/")[2]
        yield from self.check(self._root["$defs"][name], value, at)

    def _all_of(self, schema: Schema, value: Any, at: str) -> Iterator[str]:
        for each in schema["allOf"]:
            yield from self.check(each, value, at)

    def _any_of(self, schema: Schema, value: Any, at: str) -> Iterator[str]:
        if not any(self._holds(each, value) for each in schema["anyOf"]):
            yield f"{at}: {value!r} is none of the alternatives"

    def _if(self, schema: Schema, value: Any, at: str) -> Iterator[str]:
        if self._holds(schema["if"], value):
            yield from self.check(schema["then"], value, at)

    def _type(self, schema: Schema, value: Any, at: str) -> Iterator[str]:
        wanted = schema["type"]
        allowed = [each for name in _listed(wanted) for each in _TYPES[name]]
        # True is an int to Python, and not to JSON.
        if not (bool in allowed if isinstance(value, bool) else isinstance(value, tuple(allowed))):
            yield f"{at}: {value!r} is not of the type {wanted}"

    def _one_of(self, schema: Schema, value: Any, at: str) -> Iterator[str]:
        allowed = schema.get("enum", [schema.get("const")])
        if value not in allowed:
            yield f"{at}: {value!r} is not one of {allowed}"

    def _bounds(self, schema: Schema, value: Any, at: str) -> Iterator[str]:
        if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
            yield f"{at}: {value!r} is out of bounds"

    def _pattern(self, schema: Schema, value: Any, at: str) -> Iterator[str]:
        if not re.search(schema["pattern"], value):
            yield f"{at}: {value!r} does not match {schema['pattern']}"

    def _required(self, schema: Schema, value: Any, at: str) -> Iterator[str]:
        yield from (f"{at}: {name} is missing" for name in schema["required"] if name not in value)

    def _properties(self, schema: Schema, value: Any, at: str) -> Iterator[str]:
        for name, its in schema["properties"].items():
            if name in value:
                yield from self.check(its, value[name], f"{at}.{name}")

    def _additional(self, schema: Schema, value: Any, at: str) -> Iterator[str]:
        its = schema["additionalProperties"]
        for name in sorted(set(value) - set(schema.get("properties", ()))):
            if its is False:
                yield f"{at}: {name} is unknown"
            else:
                yield from self.check(its, value[name], f"{at}.{name}")

    def _items(self, schema: Schema, value: Any, at: str) -> Iterator[str]:
        for index, item in enumerate(value):
            yield from self.check(schema["items"], item, f"{at}[{index}]")


def _listed(names: str | list[str]) -> list[str]:
    return [names] if isinstance(names, str) else names

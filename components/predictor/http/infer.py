"""A V2 inference request, from its bytes: plain JSON, or JSON with binary tensors behind it.

The forms are those of the Open Inference Protocol and its binary tensor data extension. Whatever
is wrong with a body is the client's to mend, so decoding raises `InputError` and nothing else.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from components.errors import InputError
from components.predictor.http import tensors
from components.predictor.model import Tensor

BINARY_OUTPUT = "binary_data_output"
"""A request's parameter that is the protocol's; all others are the model's inference parameters."""
_SIZE = "binary_data_size"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One output that a request asks for by name."""

    name: str
    binary: bool


@dataclass(frozen=True, slots=True)
class InferRequest:
    """What a V2 request says."""

    id: str | None
    inputs: list[Tensor]
    outputs: list[Wanted]
    """Empty when the model's usual outputs are wanted."""
    binary: bool
    """Outputs that are not named are wanted in binary."""
    parameters: Mapping[str, Any]


def parse_json(body: bytes) -> Any:
    """The JSON in ``body``.

    Raises:
        InputError: it is none, or holds what JSON does not know (NaN, lone surrogates).
    """
    try:
        return msgspec.json.decode(body)
    except RecursionError as error:
        raise InputError("the body is nested too deeply") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise InputError(f"the body is not in JSON format: {_why_not(body, error)}") from error


def decode(body: bytes, json_length: int | None = None) -> InferRequest:
    """The request in ``body``, whose first ``json_length`` bytes are JSON, by default all.

    Raises:
        InputError: something is missing, unknown, or does not fit together; says what.
    """
    head, tail = body[:json_length], b"" if json_length is None else body[json_length:]
    content = parse_json(head)
    if not isinstance(content, dict):
        raise InputError('the body is no V2 request: send {"inputs": [...]}')
    given = _list_of_objects(content.get("inputs"), "inputs")
    if not given:
        raise InputError("'inputs' is empty: send at least one input")
    parameters = _parameters(content, "the request")
    binary = _flag(parameters, BINARY_OUTPUT, "the request", default=False)
    request = InferRequest(
        _text_or_none(content, "id"),
        _inputs(given, tail),
        [_wanted(output, binary) for output in _list_of_objects(content.get("outputs"), "outputs")],
        binary,
        parameters,
    )
    _text_or_none(content, "model_name")
    return request


def _inputs(given: Sequence[Mapping[str, Any]], tail: bytes) -> list[Tensor]:
    """The input tensors; the binary ones take all of ``tail``, in their order."""
    found = []
    place = 0
    for number, content in enumerate(given):
        name = content.get("name")
        if not isinstance(name, str):
            raise InputError(f"inputs.{number}.name: text is required")
        datatype, shape = content.get("datatype"), content.get("shape")
        if not isinstance(datatype, str):
            raise InputError(f"input {name!r}: 'datatype' is required, such as FP64 or BYTES")
        if not isinstance(shape, list):
            raise InputError(f"input {name!r}: 'shape' is required, a list such as [1]")
        size = _binary_size(_parameters(content, f"input {name!r}"), name)
        if size is None:
            if "data" not in content:
                raise InputError(f"input {name!r}: 'data' is required, or '{_SIZE}' in parameters")
            found.append(tensors.from_values(name, datatype, shape, content["data"]))
            continue
        if content.get("data") is not None:
            raise InputError(f"input {name!r} has both 'data' and '{_SIZE}': send one of them")
        if place + size > len(tail):
            raise InputError(
                f"input {name!r}: {_SIZE} is {size}, but {len(tail) - place} bytes are left behind "
                "the JSON"
            )
        found.append(tensors.from_bytes(name, datatype, shape, tail[place : place + size]))
        place += size
    if place != len(tail):
        raise InputError(
            f"{len(tail) - place} bytes are left behind the last input: the sizes must add up"
        )
    return found


def _binary_size(parameters: Mapping[str, Any], name: str) -> int | None:
    if _SIZE not in parameters:
        return None
    size = parameters[_SIZE]
    if type(size) is not int or size < 0:
        raise InputError(f"input {name!r}: {_SIZE} is {size!r}: send the number of bytes")
    return size


def _wanted(content: Mapping[str, Any], default: bool) -> Wanted:
    name = content.get("name")
    if not isinstance(name, str):
        raise InputError("outputs: each has a name, which is text")
    where = f"output {name!r}"
    return Wanted(name, _flag(_parameters(content, where), "binary_data", where, default=default))


def _flag(parameters: Mapping[str, Any], key: str, where: str, *, default: bool) -> bool:
    value = parameters.get(key, default)
    if not isinstance(value, bool):
        raise InputError(f"{where}: parameter {key} is {value!r}: send true or false")
    return value


def _parameters(content: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    found = content.get("parameters")
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise InputError(f"{where}: 'parameters' is no object")
    return found


def _list_of_objects(found: Any, key: str) -> Sequence[Mapping[str, Any]]:
    if found is None and key == "outputs":
        return ()
    if found is None:
        raise InputError(f"'{key}' is required: a list of tensors")
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise InputError(f"'{key}' is no list of objects")
    return found


def _text_or_none(content: Mapping[str, Any], key: str) -> str | None:
    found = content.get(key)
    if found is not None and not isinstance(found, str):
        raise InputError(f"'{key}' is no text")
    return found


def _why_not(body: bytes, error: Exception) -> str:
    """What keeps ``body`` from being JSON, as far as a more lenient reader can tell."""

    def refuse(name: str) -> None:
        raise InputError(f"{name} is no JSON number: send null for a missing value")

    try:
        json.loads(body.decode(), parse_constant=refuse)
    except UnicodeDecodeError:
        return "it is not UTF-8 text"
    except InputError as known:
        return str(known)
    except (ValueError, RecursionError):
        return str(error)
    return "a text is no valid Unicode: it holds a lone surrogate, or a number is out of range"

"""The rows that were saved with a model, in every form that MLflow has given them.

`serving_input_example.json` (since MLflow 2.16) is a request to MLflow's own server;
`input_example.json` is older, and `saved_input_example_info` in `MLmodel` says its form.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SERVED = "serving_input_example.json"
_PARAMS = "params"


@dataclass(frozen=True)
class Example:
    """V1 instances, and the parameters that go with them."""

    instances: list[Any]
    params: Mapping[str, Any]


def read_example(folder: Path, info: Mapping[str, Any] | None, model: "Shape") -> Example | None:
    """The example of the model in ``folder``; None when there is none.

    Args:
        folder: the model's files.
        info: what `MLmodel` says of the example.
        model: what the signature says of a row.

    Raises:
        ValueError: it has a form that is not known.
    """
    request = _request(folder, info or {})
    if request is None:
        return None
    params = request.pop(_PARAMS, None) if isinstance(request, dict) else None
    return Example(_instances(request, model), params or {})


@dataclass(frozen=True)
class Shape:
    """What tells an example's rows from its columns.

    ``names`` of the columns or inputs, empty when they have none. ``lists`` are those of them whose
    values are lists or records; ``is_tensor`` for tensors; ``hinted`` when a type hint describes
    the rows.
    """

    names: tuple[str, ...]
    lists: frozenset[str]
    is_tensor: bool
    hinted: bool


def _request(folder: Path, info: Mapping[str, Any]) -> dict[str, Any] | None:
    """The example as a request to MLflow's server."""
    served = folder / str(info.get("serving_input_path") or _SERVED)
    plain = folder / str(info.get("artifact_path") or "input_example.json")
    if served.is_file():
        content = _json(served)
        return content if isinstance(content, dict) else {"inputs": content}
    if not plain.is_file():
        return None
    content = _json(plain)
    params: dict[str, Any] = {}
    if info.get(_PARAMS) and isinstance(content, dict):
        params = {_PARAMS: content[_PARAMS]}
        content = content["inputs"]
    kind = info.get("type", "dataframe")
    if kind == "dataframe" and isinstance(content, dict) and "data" in content:
        return {"dataframe_split": content, **params}
    if str(kind).startswith("sparse_matrix"):
        return {"inputs": _dense(content, str(kind).removeprefix("sparse_matrix_")), **params}
    if isinstance(content, dict) and list(content) == ["inputs"]:
        content = content["inputs"]  # as MLflow 1 wrote arrays
    return {"inputs": content, **params}


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path.name} is not readable: {error}") from error


def _dense(content: Mapping[str, Any], form: str) -> list[Any]:
    from scipy.sparse import csc_matrix, csr_matrix

    make = {"csr": csr_matrix, "csc": csc_matrix}[form]
    parts = (content["data"], content["indices"], content["indptr"])
    return list(make(parts, shape=content["shape"]).toarray().tolist())


def _instances(request: Mapping[str, Any], model: Shape) -> list[Any]:
    for key in ("dataframe_split", "dataframe_records", "instances", "inputs"):
        if key in request:
            break
    else:
        return [dict(request)]  # a message to a language model, which has no envelope
    content = request[key]
    if key == "dataframe_split":
        names = content.get("columns")
        rows = content["data"]
        if names and model.names:
            return [dict(zip(names, row, strict=True)) for row in rows]
        lone = not model.is_tensor and len(model.names) <= 1
        return [row[0] if lone and len(row) == 1 else row for row in rows]
    if isinstance(content, dict):
        return _by_name(content, model)
    if isinstance(content, list):
        return list(content)
    return [content]


def _by_name(content: Mapping[str, Any], model: Shape) -> list[Any]:
    """Columns by name, or one record: MLflow tells them by the values."""
    if model.is_tensor:
        return [dict(zip(content, row, strict=True)) for row in zip(*content.values(), strict=True)]
    of_lists = {name for name, value in content.items() if isinstance(value, list)}
    if model.lists or model.hinted or not of_lists:
        return [dict(content)]
    if all(
        name not in of_lists or all(isinstance(item, str) for item in content[name])
        for name in content
    ) and any(name not in of_lists for name in content):
        return [dict(content)]
    count = max(len(content[name]) for name in of_lists)
    full = {n: v if n in of_lists else [v] * count for n, v in content.items()}
    return [dict(zip(full, row, strict=True)) for row in zip(*full.values(), strict=True)]

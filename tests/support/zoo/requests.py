"""Rows as V2 sends them."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from components.predictor.model import Spec, Tensor


def tensors(specs: Sequence[Spec], instances: Sequence[Any]) -> list[Tensor]:
    """Rows as V2 has them: a tensor an input, of what the metadata say."""
    made = []
    for spec in specs:
        named = [isinstance(row, dict) and spec.name in row for row in instances]
        if not all(named) and len(specs) > 1:
            continue  # a column that need not be there
        rows = [row[spec.name] if has else row for row, has in zip(instances, named, strict=True)]
        if any(isinstance(row, dict) for row in rows) or _is_json(spec, rows):
            rows = [json.dumps(row) for row in rows]
        array = np.array(rows, dtype=object)
        made.append(Tensor(spec.name, spec.datatype, list(array.shape), array.ravel().tolist()))
    return made


def _is_json(spec: Spec, rows: list[Any]) -> bool:
    return spec.datatype == "BYTES" and spec.shape == (-1,) and isinstance(rows[0], list)

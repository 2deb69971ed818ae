"""Which columns a model can do without, and which nulls it takes: found out by asking it.

MLflow's contract leaves both to the model: its frame has no column that the row leaves out, and
NaN or None for a null. Where the model raises on that, such a row is the client's fault.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from components.predictor.runtimes.contract.arrays import Arrays
from components.predictor.runtimes.contract.form import Form
from components.predictor.runtimes.contract.table import Table

_SECONDS = 5.0
"""What is not found out by then is left to the model."""


def learn_gaps(form: Form, row: Any, ask: Callable[[Any], Any]) -> None:
    """Tell ``form`` what the model cannot take.

    Args:
        form: is changed.
        row: a raw row that the model answers.
        ask: what the model says to a raw row; may raise anything.
    """
    until = time.monotonic() + _SECONDS

    def takes(changed: Any) -> bool:
        if time.monotonic() > until:
            return True
        try:
            ask(changed)
        except Exception:  # noqa: BLE001 (a model may raise anything)
            return False
        return True

    if form.together or not takes(row):
        return
    if isinstance(form, Arrays):
        gaps = form.with_gaps(row)
        form.finite = gaps is not None and not takes(gaps)
    elif isinstance(form, Table) and not form.hinted:
        _learn_columns(form, row, takes)
        _learn_nulls(form, row, takes)


def _learn_columns(table: Table, row: Mapping[Any, Any], takes: Callable[[Any], bool]) -> None:
    """Which optional columns are nulls when they are left out: the model needs them there."""
    for name, column in table.columns.items():
        if column.required or name not in row or len(row) == 1:
            continue
        without = {other: value for other, value in row.items() if other != name}
        try:
            null = column.kind.null(required=False)
        except KeyError:  # no column of its type holds one
            continue
        if not takes(without) and takes({**row, name: null}):
            table.fill.add(name)


def _learn_nulls(table: Table, row: Mapping[Any, Any], takes: Callable[[Any], bool]) -> None:
    """Which columns may not be null, though their type has one."""
    nulls = table.nulls(row)
    if not nulls or takes({**row, **nulls}):
        return
    for name, null in nulls.items():
        if not takes({**row, name: null}):
            table.columns[name] = replace(table.columns[name], nulls=False)

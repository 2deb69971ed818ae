"""Rows of columns: named, without names, or the values that a type hint describes."""

import json
import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from components.errors import InputError
from components.predictor.model import Spec, Tensor
from components.predictor.runtimes.contract.column import ABSENT, Column
from components.predictor.runtimes.contract.form import UNNAMED
from components.predictor.runtimes.contract.kinds import Kind
from components.predictor.runtimes.contract.scalars import check_json
from components.predictor.runtimes.rows import nested, require, splits, text_of, values_of


class Table:
    """Rows as dicts by column; see `Form`."""

    together = False

    def __init__(
        self,
        columns: Sequence[Column],
        named: bool,
        check: Callable[[Any], None] | None = None,
    ) -> None:
        """A table of ``columns``.

        Args:
            columns: in the order of the signature.
            named: False when they are known by their place only.
            check: for a model with a type hint: refuses a value by ValueError. Its one column is
                then the list of the values themselves.
        """
        self.columns = {column.name: column for column in columns}
        self.named = named
        self.fill: set[str | int] = set()
        """Optional columns that the model cannot do without: what is missing of them is null."""
        self._check = check
        self.hinted = check is not None
        self._optional = any(not column.required for column in columns)
        self.inputs = tuple(
            Spec(
                str(c.name) if named else UNNAMED if len(columns) == 1 else f"{UNNAMED}-{c.name}",
                "BYTES" if c.kind.is_json else c.kind.datatype,
                (-1,) if c.kind.is_json else (-1,) * (1 + c.kind.rank),
            )
            for c in columns
        )

    def from_instances(self, instances: Sequence[Any]) -> list[Any]:
        """Records by name, or lists in the order of the columns; one column needs no list."""
        if self._check:
            return [self._hinted(value, number) for number, value in enumerate(instances)]
        rows = [self._by_name(row, number) for number, row in enumerate(instances)]
        if all(row.keys() == rows[0].keys() for row in rows):
            return self._records(self._columns_of(rows), len(rows))
        return [
            self._records(self._columns_of([row]), 1, number)[0] for number, row in enumerate(rows)
        ]

    def from_tensors(self, tensors: Sequence[Tensor]) -> list[Any]:
        """A tensor a column: [n], [n, 1], or of more dimensions for a column of lists."""
        if len({tensor.name for tensor in tensors}) != len(tensors):
            raise InputError("an input stands twice")
        if not tensors:
            raise InputError(f"the request has no inputs: send {self._names()}")
        by_name: dict[str | int, Sequence[Any]] = {}
        for place, tensor in enumerate(tensors):
            if (column := self._column_of(tensor, place, len(tensors))) is not None:
                by_name[column.name] = _column_values(tensor, column.kind)
        lengths = {len(values) for values in by_name.values()}
        if len(lengths) > 1:
            raise InputError(f"the inputs have different numbers of rows: {sorted(lengths)}")
        if not lengths:
            lengths = {tensors[0].shape[0] if tensors[0].shape else 0}
        (count,) = lengths
        if self._check:
            column, values = self.columns[0], by_name[0]
            if not column.kind.is_json:
                values = column.take_all(values, 0)
            return [self._hinted(value, number) for number, value in enumerate(values)]
        return self._records(by_name, count)

    def instance(self, cells: Mapping[str, str]) -> Any:
        """The cells of the model's columns; a lone column without a name takes the lone cell."""
        if self.named:
            require(cells, [str(n) for n, c in self.columns.items() if c.required])
            return {
                name: self._cell(column, cells[str(name)], str(name))
                for name, column in self.columns.items()
                if str(name) in cells
            }
        if len(self.columns) == 1:
            (column,) = self.columns.values()
            if len(cells) > 1:
                require(cells, [UNNAMED if UNNAMED in cells else "text"])
                name = UNNAMED if UNNAMED in cells else "text"
            else:
                (name,) = cells
            return self._cell(column, cells[name], name)
        if len(cells) < len(self.columns):
            raise InputError(
                f"the data set has {len(cells)} columns, and the model needs {len(self.columns)}"
            )
        pairs = zip(self.columns.values(), cells.items(), strict=False)
        return [self._cell(column, text, name) for column, (name, text) in pairs]

    def group(self, row: Any) -> Hashable:
        """The columns that are there, where some need not be."""
        return frozenset(row) if self._optional and not self._check else None

    def even(self, rows: Sequence[Any]) -> list[Any]:
        """A column that one row has, every row has: as a null where it was left out."""
        if not self._optional or self._check:
            return list(rows)
        present = [name for name in self.columns if any(name in row for row in rows)]
        return [
            {name: row[name] if name in row else self._filled(name, n) for name in present}
            for n, row in enumerate(rows)
        ]

    def together_as(self, rows: Sequence[Any]) -> Any:
        """A data frame, or the list of values that a type hint is for."""
        if self._check:
            return list(rows)
        import pandas as pd

        return pd.DataFrame(
            {
                name: column.series([row[name] for row in rows])
                for name, column in self.columns.items()
                if name in rows[0]
            }
        )

    def neutral(self) -> Any:
        """A row of zeros, empty texts and the like."""
        row = {name: column.kind.neutral() for name, column in self.columns.items()}
        return row[0] if self._check else row

    def vary(self, rows: Sequence[Any]) -> bool:
        """No column has one value in all rows."""
        if self._check:
            return len({repr(row) for row in rows}) > 1
        return all(len({repr(row[name]) for row in rows}) > 1 for name in rows[0])

    def unlike(self, row: Any, turn: int) -> Any:
        """Every value changed that has a neighbour of its kind; texts at odd turns only."""
        if self._check:
            try:
                return self.columns[0].kind.unlike(row, turn)
            except TypeError:  # JSON's texts, where the model itself makes dates or bytes of them
                return row
        return {name: self.columns[name].kind.unlike(value, turn) for name, value in row.items()}

    def with_gaps(self, row: Any) -> Any:
        """``row`` with all nulls that the model was not seen to raise on."""
        nulls = {} if self._check else self.nulls(row)
        return {**row, **nulls} if nulls else None

    def nulls(self, row: Mapping[str | int, Any]) -> dict[str | int, Any]:
        """What stands for a null, by the columns of ``row`` that hold one."""
        found = {}
        for name in row:
            column = self.columns[name]
            if column.nulls:
                with suppress(KeyError):
                    found[name] = column.kind.null(column.required)
        return found

    def crossed(self, one: Any, other: Any) -> Iterator[Any]:
        """The columns of both rows, which have the same; a type hint's values have none."""
        if self._check:
            return
        for way in splits(len(one)):
            yield {name: (one if own else other)[name] for name, own in zip(one, way, strict=True)}

    def _by_name(self, row: Any, number: int) -> Mapping[str | int, Any]:
        if self.named and isinstance(row, dict):
            return row
        if len(self.columns) == 1:
            (column,) = self.columns.values()
            is_value = not isinstance(row, list) or (
                column.kind.rank > 0
                and not (column.kind.rank == 1 and len(row) == 1 and isinstance(row[0], list))
            )
            return {column.name: row if is_value or len(row) != 1 else row[0]}
        if isinstance(row, list) and len(row) == len(self.columns):
            return dict(zip(self.columns, row, strict=True))
        raise InputError(f"instance {number}: send a {self._form()} of {self._names()}")

    def _columns_of(
        self, rows: Sequence[Mapping[str | int, Any]]
    ) -> Mapping[str | int, Sequence[Any]]:
        """The values of rows with the same columns, by those that the signature knows."""
        return {name: [r[name] for r in rows] for name in self.columns if rows and name in rows[0]}

    def _records(
        self, by_name: Mapping[str | int, Sequence[Any]], count: int, first: int = 0
    ) -> list[dict[str | int, Any]]:
        """Raw rows of the values of ``count`` rows by column; ``first`` is the number of theirs."""
        if not count:
            return []
        taken = {}
        for name, column in self.columns.items():
            if name in by_name:
                taken[name] = column.take_all(by_name[name], first)
            elif column.required:
                raise InputError(f"row {first}: column {name!r} is missing")
            elif name in self.fill:
                taken[name] = [self._filled(name, first)] * count
        rows = [dict(zip(taken, row, strict=True)) for row in zip(*taken.values(), strict=True)]
        if self._optional:
            rows = [{n: value for n, value in r.items() if value is not ABSENT} for r in rows]
        for number, row in enumerate(rows or [{}], first):
            if not row:
                raise InputError(f"row {number} has none of the columns {self._names()}")
        return rows

    def _filled(self, name: str | int, number: int) -> Any:
        value = self.columns[name].take(None, number)
        if value is ABSENT:
            raise InputError(
                f"row {number}: column {name!r} is null or left out, and other rows of the "
                "request have it: send such rows by themselves"
            )
        return value

    def _hinted(self, value: Any, number: int) -> Any:
        if self._check is None:
            raise TypeError("no type hint")
        if isinstance(value, bytes):
            value = text_of(value, UNNAMED)
        try:
            check_json(value)
            self._check(value)
        except ValueError as error:
            raise InputError(f"row {number} {error}") from error
        return value

    def _column_of(self, tensor: Tensor, place: int, count: int) -> Column | None:
        """The column that a tensor is for; None for one that the signature does not know."""
        if self.named:
            return self.columns.get(tensor.name)
        if count != len(self.columns):
            raise InputError(f"the model takes {len(self.columns)} inputs, not {count}")
        return self.columns[place]

    def _cell(self, column: Column, text: str, name: str) -> Any:
        try:
            return column.kind.cell(text)
        except ValueError as error:
            raise InputError(f"column {name!r}: {error}") from error

    def _form(self) -> str:
        return "record" if self.named else "list"

    def _names(self) -> str:
        return ", ".join(str(name) for name in self.columns) if self.named else "its values"


def _column_values(tensor: Tensor, kind: Kind) -> Sequence[Any]:
    """One plain value a row: a scalar, lists within lists, or what JSON text says."""
    shape = tensor.shape
    if kind.rank == 0 and not kind.is_json and len(shape) == 1 and shape[0] == len(tensor.data):
        return tensor.data if isinstance(tensor.data, list) else list(tensor.data.tolist())
    values = values_of(tensor)
    is_column = shape[1:] in ([], [1])
    as_text = kind.is_json or (kind.rank > 0 and tensor.datatype == "BYTES")
    if as_text and is_column and (kind.rank == 0 or not shape[1:]):
        return [_parsed(value, tensor.name) for value in values]
    if kind.rank == 0 and is_column:
        return values
    if kind.rank == 0 or len(shape) != 1 + kind.rank:
        wanted = "[rows]" if kind.rank == 0 else f"[rows] and {kind.rank} more"
        raise InputError(f"input {tensor.name!r} has shape {shape}: send {wanted}")
    if kind.datatype == "BYTES" and getattr(kind, "name", "") != "binary":
        values = [text_of(value, tensor.name) for value in values]
    step = math.prod(shape[1:])
    return [nested(values[n * step : (n + 1) * step], shape[1:]) for n in range(shape[0])]


def _parsed(value: Any, name: str) -> Any:
    if value is None:
        return None
    try:
        return json.loads(text_of(value, name), parse_constant=_refuse_constant)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"input {name!r}: {str(value)[:80]!r} is no JSON: send each value as JSON text"
        ) from error


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")

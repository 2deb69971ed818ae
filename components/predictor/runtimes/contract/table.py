"""Rows of columns: named, without names, or the values that a type hint describes."""

import json
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.errors import InputError
from components.predictor.model import Spec, Tensor
from components.predictor.runtimes.contract.form import UNNAMED
from components.predictor.runtimes.contract.kinds import Kind, Scalar
from components.predictor.runtimes.contract.scalars import check_json
from components.predictor.runtimes.rows import nested, require, text_of, values_of

if TYPE_CHECKING:
    import pandas as pd

_ABSENT = object()


@dataclass(frozen=True)
class Column:
    """One column of the signature; one without a name is known by its place."""

    name: str | int
    kind: Kind
    required: bool

    def take(self, given: Any, row: int) -> Any:
        """``given`` as the model takes it, or `_ABSENT` for a null that no column can hold.

        Raises:
            InputError: it is nothing that the column takes.
        """
        try:
            if given is None:
                return self._null(row)
            kind = self.kind
            if isinstance(given, float) and math.isnan(given) and kind.dtype not in _WITH_NAN:
                return self._null(row)
            if isinstance(given, bytes) and not (isinstance(kind, Scalar) and _is_binary(kind)):
                given = text_of(given, str(self.name))
            return kind.value(given)
        except ValueError as error:
            raise InputError(f"row {row}: column {self.name!r} {error}") from error

    def _null(self, row: int) -> Any:
        try:
            return self.kind.null(self.required)
        except KeyError:
            if self.required:
                raise InputError(
                    f"row {row}: column {self.name!r} is null, and a {self.kind.name} cannot be"
                ) from None
            return _ABSENT

    def series(self, values: Sequence[Any]) -> "pd.Series[Any]":
        """Values as a column of a data frame."""
        import pandas as pd

        plain = self.kind.dtype != "bool" or None not in values
        return pd.Series(list(values), dtype=self.kind.dtype if plain else "object")


_WITH_NAN = ("float32", "float64")


def _is_binary(kind: Kind) -> bool:
    return kind.name == "binary"


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
        return [self._record(self._by_name(row, n), n) for n, row in enumerate(instances)]

    def from_tensors(self, tensors: Sequence[Tensor]) -> list[Any]:
        """A tensor a column: [n], [n, 1], or of more dimensions for a column of lists."""
        if len({tensor.name for tensor in tensors}) != len(tensors):
            raise InputError("an input stands twice")
        if not tensors:
            raise InputError(f"the request has no inputs: send {self._names()}")
        by_name = {}
        for place, tensor in enumerate(tensors):
            if (column := self._column_of(tensor, place, len(tensors))) is not None:
                by_name[column.name] = _column_values(tensor, column.kind)
        lengths = {len(values) for values in by_name.values()}
        if len(lengths) > 1:
            raise InputError(f"the inputs have different numbers of rows: {sorted(lengths)}")
        if not lengths:
            lengths = {tensors[0].shape[0] if tensors[0].shape else 0}
        rows = [{name: values[n] for name, values in by_name.items()} for n in range(*lengths)]
        if self._check:
            column = self.columns[0]
            if not column.kind.is_json:
                rows = [{0: column.take(row[0], number)} for number, row in enumerate(rows)]
            return [self._hinted(row[0], number) for number, row in enumerate(rows)]
        return [self._record(row, number) for number, row in enumerate(rows)]

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
            return self.columns[0].kind.unlike(row, turn)
        return {name: self.columns[name].kind.unlike(value, turn) for name, value in row.items()}

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

    def _record(self, given: Mapping[str | int, Any], number: int) -> dict[str | int, Any]:
        row = {}
        for name, column in self.columns.items():
            if name in given:
                value = column.take(given[name], number)
            elif column.required:
                raise InputError(f"row {number}: column {name!r} is missing")
            else:
                value = self._filled(name, number) if name in self.fill else _ABSENT
            if value is not _ABSENT:
                row[name] = value
        if not row:
            raise InputError(f"row {number} has none of the columns {self._names()}")
        return row

    def _filled(self, name: str | int, number: int) -> Any:
        value = self.columns[name].take(None, number)
        if value is _ABSENT:
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


def _column_values(tensor: Tensor, kind: Kind) -> list[Any]:
    """One plain value a row: a scalar, lists within lists, or what JSON text says."""
    values, shape = values_of(tensor), tensor.shape
    is_column = shape[1:] in ([], [1])
    as_text = kind.is_json or (kind.rank > 0 and tensor.datatype == "BYTES")
    if as_text and is_column and (kind.rank == 0 or not shape[1:]):
        return [_parsed(value, tensor.name) for value in values]
    if kind.rank == 0 and is_column:
        return list(values)
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

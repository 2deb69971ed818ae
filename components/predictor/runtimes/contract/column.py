"""One column of a table: its values as the model takes them, one by one or all at once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.errors import InputError
from components.predictor.runtimes.contract.kinds import Kind
from components.predictor.runtimes.rows import text_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

ABSENT = object()
"""A null that no column can hold: the row is without it."""
_NUMBERS = ("float32", "float64", "int32", "int64", "bool")


@dataclass(frozen=True)
class Column:
    """One column of the signature; one without a name is known by its place."""

    name: str | int
    kind: Kind
    required: bool
    nulls: bool = True
    """False where the model itself was seen to raise on a null."""

    def take_all(self, given: Sequence[Any], first: int) -> list[Any]:
        """The values of rows, of which the first has the number ``first``; see `take`."""
        if self.kind.are_values(given):
            return list(given)
        return [self.take(value, row) for row, value in enumerate(given, first)]

    def take(self, given: Any, row: int) -> Any:
        """``given`` as the model takes it, or `ABSENT` for a null that no column can hold.

        Raises:
            InputError: it is nothing that the column takes.
        """
        try:
            kind = self.kind
            # Protobuf and binary tensors have NaN for a null.
            if given is None or (isinstance(given, float) and math.isnan(given)):
                return self._null(row)
            if isinstance(given, bytes) and kind.name != "binary":
                given = text_of(given, str(self.name))
            return kind.value(given)
        except ValueError as error:
            raise InputError(f"row {row}: column {self.name!r} {error}") from error

    def _null(self, row: int) -> Any:
        if not self.nulls:
            raise InputError(
                f"row {row}: column {self.name!r} is null, which the model cannot take"
            )
        try:
            return self.kind.null(self.required)
        except KeyError:
            if self.required:
                raise InputError(
                    f"row {row}: column {self.name!r} is null, and a {self.kind.name} cannot be"
                ) from None
            return ABSENT

    def series(self, values: list[Any]) -> "np.ndarray[Any, Any] | pd.Series[Any]":
        """Values as a column of a data frame; of numbers as an array, which is made sooner."""
        import numpy as np
        import pandas as pd

        dtype = self.kind.dtype
        if dtype is None and self.kind.narrow:
            # MLflow writes into the records that it is given: these are its own.
            values = [self.kind.within(value) for value in values]
        if dtype == "bool" and None in values:
            dtype = "object"
        return np.array(values, dtype) if dtype in _NUMBERS else pd.Series(values, dtype=dtype)

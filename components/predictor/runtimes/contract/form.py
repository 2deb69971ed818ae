"""What a model takes a row for: columns (`table`) or tensors (`arrays`)."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from components.predictor.model import Spec, Tensor

UNNAMED = "input"
"""What V2 calls an input to which the signature gives no name; any other name is taken as well."""


class Form(Protocol):
    """How rows are read, and put together for the model.

    A raw row is what `from_instances`, `from_tensors` and `neutral` give, and all else takes.
    """

    inputs: tuple[Spec, ...]
    together: bool
    """The signature itself wants the rows of a request in one call: it fixes their number."""

    def from_instances(self, instances: Sequence[Any]) -> list[Any]:
        """V1 instances as raw rows.

        Raises:
            InputError: one is not what the signature says.
        """

    def from_tensors(self, tensors: Sequence[Tensor]) -> list[Any]:
        """V2 tensors as raw rows.

        Raises:
            InputError: one is missing, or not what the signature says.
        """

    def instance(self, cells: Mapping[str, str]) -> Any:
        """A row of a CSV file as a V1 instance.

        Raises:
            InputError: a column is missing, or a cell is of the wrong type.
        """

    def group(self, row: Any) -> Hashable:
        """Rows of one group can be put together."""

    def even(self, rows: Sequence[Any]) -> list[Any]:
        """All rows of a request such that they can be put together.

        Raises:
            InputError: they cannot, or the signature wants another number of them.
        """

    def together_as(self, rows: Sequence[Any]) -> Any:
        """Rows of one group as what MLflow's ``predict`` takes."""

    def neutral(self) -> Any:
        """A row as good as any, for a model that was saved without an example."""

    def vary(self, rows: Sequence[Any]) -> bool:
        """The rows differ in all that they have, so that they show what neighbours change."""

    def unlike(self, row: Any, turn: int) -> Any:
        """A row near ``row`` and unlike it; it may be one that the model refuses."""

    def with_gaps(self, row: Any) -> Any:
        """``row`` without all that may be missing in it: nulls, NaN; None if that is nothing."""

    def crossed(self, one: Any, other: Any) -> Iterator[Any]:
        """Rows with parts of both: any two parts are once taken from different rows."""

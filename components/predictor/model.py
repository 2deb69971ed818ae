"""What the server needs of a model, whatever its runtime; `runtimes` has what implements it."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from components.errors import InputError, SluiceError


class ModelFailure(SluiceError):
    """The model raised on a row that was well-formed."""

    @classmethod
    def of(cls, error: Exception) -> "ModelFailure":
        """What a client may read of an error that a model raised: one line, of bounded length."""
        text = " ".join(str(error).split())[:300]
        return cls(f"the model raised {type(error).__name__}: {text}")


@dataclass(frozen=True, slots=True)
class Spec:
    """Name, V2 datatype and shape of a tensor; -1 stands for the number of rows."""

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(slots=True)
class Tensor:
    """One tensor of a request or an answer; ``data`` is a list, flat or nested, or an array."""

    name: str
    datatype: str
    shape: list[int]
    data: Any


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a request; or all of them, where they may not be told apart.

    ``size`` is its length in tokens, or the number of rows. Only rows of equal ``group`` share a
    batch.
    """

    payload: Any
    size: int
    group: Hashable = None


class Model(Protocol):
    """A loaded model. Every method may be called from several threads at once."""

    inputs: tuple[Spec, ...]
    outputs: tuple[Spec, ...]
    """All outputs; the first ``default_outputs`` of them are answered when none is asked for."""
    default_outputs: int
    threaded: bool
    """`use_threads` makes a difference."""

    def from_instances(self, instances: Sequence[Any]) -> list[Any]:
        """V1 instances as raw rows.

        Raises:
            InputError: an instance is not what the model takes.
        """

    def from_tensors(self, tensors: Sequence[Tensor]) -> list[Any]:
        """V2 tensors as raw rows.

        Raises:
            InputError: a tensor is missing, unknown, or of the wrong shape, type or content.
        """

    def instance(self, row: Mapping[str, str]) -> Any:
        """A row of a data set as the V1 instance that the model takes; other columns are ignored.

        Raises:
            InputError: a column is missing, or a cell is of the wrong type.
        """

    def with_params(self, raw: Sequence[Any], params: Mapping[str, Any]) -> list[Any]:
        """Raw rows to be answered with the inference parameters ``params``.

        Raises:
            InputError: the model has no such parameter, or its value is wrong.
        """

    def is_heavy(self, raw: Sequence[Any]) -> bool:
        """True when `prepare` would take longer than the event loop may be blocked."""

    def prepare(self, raw: Sequence[Any]) -> list[Row]:
        """Raw rows as rows that the scheduler can size, for example tokenised.

        Raises:
            InputError: a row cannot be prepared because of what the client sent.
            ModelFailure: a row cannot be prepared because of what the model is.
        """

    def run(self, rows: Sequence[Row], alone: bool) -> list[Any]:
        """The answers to rows of one batch; ``alone`` allows the use of every core.

        Raises:
            Exception: whatever the model raises; the scheduler finds the row at fault.
        """

    def to_predictions(self, answers: Sequence[Any]) -> Any:
        """Answers as V1 predictions: one a row, or a dict of all rows' outputs by name."""

    def to_tensors(self, answers: Sequence[Any], wanted: Sequence[str]) -> list[Tensor]:
        """Answers as the V2 tensors called ``wanted``, data flat.

        Raises:
            InputError: the answers have no common shape or type; V1 can send them.
            ModelFailure: they lack an output, or are not of the type that the model declares.
        """

    def predict(self, rows: Sequence[Any]) -> Any:
        """V1 instances in, V1 predictions out, in this thread, as the server would answer them.

        Raises:
            InputError: a row is not what the model takes.
            ModelFailure: the model raised on a row.
        """

    def samples(self) -> list[Any]:
        """Raw rows like those to be expected, some of equal length, and the longest possible.

        No two need be alike. None where nothing is known of them.
        """

    def use_threads(self, shared: int, alone: int) -> None:
        """Set the threads of a run, and of a run that is alone; not while one is in progress."""

    def difference(self, one: Any, other: Any) -> float:
        """How far two answers are apart; infinite when they are of different form."""


def wanted_outputs(model: Model, names: Sequence[str] | None) -> list[str]:
    """The output names to answer, in the order asked for.

    Raises:
        InputError: the model has no such output.
    """
    if not names:
        return [spec.name for spec in model.outputs[: model.default_outputs]]
    known = [spec.name for spec in model.outputs]
    for name in names:
        if name not in known:
            raise InputError(f"unknown output {name!r}: the model offers {', '.join(known)}")
    return list(names)

"""One tensor of a signature, and a row of it: of its shape, its type, and within its range."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.errors import ArtifactError, InputError
from components.predictor.model import Spec
from components.predictor.runtimes.contract.form import UNNAMED
from components.predictor.runtimes.contract.kinds import Scalar
from components.predictor.runtimes.contract.scalars import check_json

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[Any]

_DATATYPE_OF = {
    "bool": "BOOL",
    **{f"{s}int{bits}": f"{s}int{bits}".upper() for s in ("", "u") for bits in (8, 16, 32, 64)},
    "float16": "FP16",
    "float32": "FP32",
    "float64": "FP64",
}


def datatype_of(dtype: "np.dtype[Any]") -> str:
    """The V2 datatype of a NumPy type; text for what is neither number nor boolean."""
    return _DATATYPE_OF.get(dtype.name, "BYTES")


@dataclass(frozen=True)
class Input:
    """One tensor of the signature; ``shape`` is that of one row, -1 where it may vary."""

    name: str | None
    dtype: "np.dtype[Any]"
    shape: tuple[int, ...]
    rows: int
    """How many rows a call must have; -1 when that is free."""

    @property
    def spec(self) -> Spec:
        """What V2 metadata say of it."""
        return Spec(self.name or UNNAMED, datatype_of(self.dtype), (self.rows, *self.shape))

    @property
    def called(self) -> str:
        """The input in messages."""
        return f"input {self.name!r}" if self.name else "the input"

    def read(self, given: Any, row: int) -> "Array":
        """One row's value, lists within lists, as an array of the type of the signature.

        Raises:
            InputError: its shape, type or range is another one.
        """
        import numpy as np

        if self.dtype.kind == "O":
            try:
                check_json(given)
            except ValueError as error:
                raise InputError(f"row {row} of {self.called} {error}") from error
            array = np.empty((), dtype=object)
            array[()] = given
            return array if not self.shape else self._object(given, row)
        try:
            array = np.asarray(given)
        except ValueError as error:  # lists of different lengths
            raise InputError(
                f"row {row} of {self.called} is no {self._wanted()}: {error}"
            ) from None
        if array.dtype.kind == "O":
            array = self._plain(given, row)
        self._check_shape(array.shape, row)
        return self.cast(array, row)

    def cast(self, array: "Array", row: int) -> "Array":
        """Values as the type of the signature, if none is changed by that beyond rounding.

        Raises:
            InputError: one would be.
        """
        import numpy as np

        kind, source = self.dtype.kind, array.dtype.kind
        refused = InputError(f"row {row} of {self.called} holds what is no {self.dtype.name}")
        if source == "V" or not array.size:
            return array.astype(self.dtype) if not array.size else _refuse(refused)
        if kind == "M":
            return self._dates(array, row)
        if kind in "US":
            if source not in "USO":
                raise refused
            return array if kind == "U" else self._bytes(array, row)
        if kind == "b":
            return array if source == "b" else _refuse(refused)
        if source not in "iuf":
            raise refused
        if kind in "iu":
            if source == "f" and not (np.isfinite(array).all() and (array % 1 == 0).all()):
                raise refused
            bounds = np.iinfo(self.dtype)
            if int(array.min()) < bounds.min or int(array.max()) > bounds.max:
                raise InputError(
                    f"row {row} of {self.called} is out of the range of {self.dtype.name}"
                )
            return array.astype(self.dtype)
        with np.errstate(over="ignore"):
            made = array.astype(self.dtype)
        if source == "f" and not np.array_equal(np.isinf(made), np.isinf(array)):
            raise InputError(f"row {row} of {self.called} is out of the range of {self.dtype.name}")
        return made

    def _plain(self, given: Any, row: int) -> "Array":
        """An array of what NumPy has no one type for: nulls among numbers, or no numbers."""
        import numpy as np

        objects = np.asarray(given, dtype=object)
        if self.dtype.kind == "M":
            return objects
        if self.dtype.kind == "f" and all(
            v is None or (isinstance(v, int | float) and not isinstance(v, bool))
            for v in objects.ravel()
        ):
            try:
                return objects.astype(np.float64)
            except OverflowError:  # a whole number that no float holds
                pass
        raise InputError(f"row {row} of {self.called} is no {self._wanted()}")

    def _object(self, given: Any, row: int) -> "Array":
        import numpy as np

        try:
            array = np.asarray(given, dtype=object)
        except ValueError:
            raise InputError(f"row {row} of {self.called} is no {self._wanted()}") from None
        self._check_shape(array.shape, row)
        return array

    def _bytes(self, array: "Array", row: int) -> "Array":
        try:
            return array.astype(self.dtype)
        except UnicodeEncodeError as error:
            raise InputError(f"row {row} of {self.called} is no ASCII text") from error

    def _dates(self, array: "Array", row: int) -> "Array":
        """Texts and nulls; or whole numbers of the type's own unit, as MLflow saves an example."""
        import numpy as np

        def moment(value: Any) -> Any:
            if type(value) is int and -(1 << 63) <= value < 1 << 63:
                return np.array(value, np.int64).astype(self.dtype)
            return np.datetime64("NaT" if value is None else read(value), "ns")

        read = Scalar("datetime").value
        try:
            moments = [moment(value) for value in array.ravel().tolist()]
        except ValueError as error:
            raise InputError(f"row {row} of {self.called} {error}") from error
        return np.array(moments, dtype=self.dtype).reshape(array.shape)

    def _check_shape(self, shape: tuple[int, ...], row: int) -> None:
        fits = len(shape) == len(self.shape) and all(
            want in (-1, got) for want, got in zip(self.shape, shape, strict=True)
        )
        if not fits:
            raise InputError(f"row {row} of {self.called} has shape {shape}, not {self._wanted()}")

    def _wanted(self) -> str:
        if not self.shape:
            return f"one {self.dtype.name}"
        if len(self.shape) == 1:
            width = self.shape[0]
            return f"list of {width if width >= 0 else ''} values ({self.dtype.name})"
        return f"{self.dtype.name} of shape {list(self.shape)}"


def _refuse(error: InputError) -> Any:
    raise error


def input_of(spec: Any) -> Input:
    """The input that a signature's ``mlflow.types.TensorSpec`` describes.

    Raises:
        ArtifactError: it has no rows, or a type that is not served.
    """
    import numpy as np

    dtype = np.dtype(spec.type)
    if dtype.name not in _DATATYPE_OF and dtype.kind not in "USOM":
        raise ArtifactError(f"the signature has a tensor of {dtype.name}, which is not served")
    if not spec.shape:
        raise ArtifactError("the signature has a tensor without rows, which is not served")
    return Input(spec.name, dtype, tuple(spec.shape[1:]), spec.shape[0])

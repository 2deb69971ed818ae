"""What an MLflow model's signature says: the form of a row, the parameters, the saved example."""

import json
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Any

from components.errors import ArtifactError, InputError
from components.predictor.runtimes.contract.arrays import Arrays
from components.predictor.runtimes.contract.column import Column
from components.predictor.runtimes.contract.compare import Param
from components.predictor.runtimes.contract.examples import Example, Shape, read_example
from components.predictor.runtimes.contract.form import Form
from components.predictor.runtimes.contract.kinds import Anything, MapOf, Record, kind_of
from components.predictor.runtimes.contract.table import Table


def read_form(folder: Path, model: Any) -> Form:
    """The form of the rows that ``model``, an MLflow ``PyFuncModel``, takes.

    Raises:
        ArtifactError: there is no signature, or it is of a kind that is not served.
    """
    schema = model.metadata.get_input_schema()
    if schema is None:
        raise ArtifactError(f"{folder}: the model has no signature: log it with one")
    if schema.is_tensor_spec():
        return Arrays(schema.inputs)
    named = schema.has_input_names()
    columns = []
    for place, spec in enumerate(schema.inputs):
        try:
            kind = kind_of(spec.type)
        except ValueError as error:
            raise ArtifactError(f"{folder}: column {spec.name or place!r} {error}") from error
        columns.append(Column(spec.name if named else place, kind, spec.required))
    return Table(columns, named, _hint(model))


def _hint(model: Any) -> Callable[[Any], None] | None:
    """The check of one value by the model's own type hint; None for a model without one."""
    if not model.metadata._is_signature_from_type_hint():  # noqa: SLF001 (public nowhere)
        return None
    from mlflow.exceptions import MlflowException
    from mlflow.types.type_hints import _validate_data_against_type_hint as validate

    hint = model.unwrap_python_model().predict_type_hints.input

    def check(value: Any) -> None:
        try:
            validate([value], hint)
        except (MlflowException, ValueError, TypeError) as error:
            said = " ".join(str(error).split())[:300]
            raise ValueError(f"does not fit the model's type hint: {said}") from error

    return check


def read_saved_example(folder: Path, model: Any, form: Form) -> Example | None:
    """The example that was saved with the model; None when there is none.

    Raises:
        ValueError: it is of no known form.
    """
    names: tuple[str, ...] = ()
    lists: frozenset[str] = frozenset()
    if isinstance(form, Table):
        if form.named:
            names = tuple(str(name) for name in form.columns)
        lists = frozenset(
            str(name)
            for name, column in form.columns.items()
            if column.kind.rank or isinstance(column.kind, Record | MapOf | Anything)
        )
    else:
        names = tuple(spec.name for spec in form.inputs)
    info = getattr(model.metadata, "saved_input_example_info", None)
    hinted = bool(model.metadata._is_signature_from_type_hint())  # noqa: SLF001 (public nowhere)
    return read_example(folder, info, Shape(names, lists, isinstance(form, Arrays), hinted))


class Parameters:
    """The inference parameters of a signature; without any it refuses all."""

    def __init__(self, schema: Any) -> None:
        self._specs = {spec.name: spec for spec in schema.params} if schema is not None else {}

    @property
    def described(self) -> dict[str, Param]:
        """Each parameter's type, by name."""
        return {
            name: Param(kind_of(spec.dtype), spec.shape is not None)
            for name, spec in self._specs.items()
        }

    def read(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters of a request, each of its type.

        Raises:
            InputError: one is unknown, or not of its type.
        """
        from mlflow.exceptions import MlflowException

        if unknown := sorted(set(given) - set(self._specs)):
            known = ", ".join(self._specs)
            raise InputError(
                f"unknown parameter {unknown[0]!r}: the model takes {known or 'no parameters'}"
            )
        read = {}
        for name, value in given.items():
            spec = self._specs[name]
            try:
                read[name] = type(spec).validate_param_spec(value, spec)
            except (MlflowException, ValueError, TypeError) as error:
                said = " ".join(str(error).split())[:300]
                raise InputError(f"parameter {name!r}: {said}") from error
        return read

    @staticmethod
    def group(params: Mapping[str, Any]) -> Hashable:
        """Equal for equal parameters."""
        return json.dumps(params, sort_keys=True, default=str) if params else None

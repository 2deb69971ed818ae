"""Models of every form of input; each answers what it was asked, so that no fault is its own."""

import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from components.predictor.model import Model, Tensor
from components.predictor.runtimes import open_model
from tests.support.bundles import write_bundle
from tests.support.zoo.requests import tensors

_SCALARS: Mapping[str, Any] = {
    "boolean": True,
    "integer": 7,
    "long": 2**40,
    "float": 0.5,
    "double": 0.25,
    "string": "a",
    "binary": "YQ==",
    "datetime": "2024-05-01T13:00:00Z",
}


@dataclass(frozen=True)
class Fuzzed:
    """A loaded model, and a right request of it."""

    model: Model
    instances: list[Any]
    params: dict[str, Any]

    @property
    def tensors(self) -> list[Tensor]:
        """The instances as V2 sends them."""
        return tensors(self.model.inputs, self.instances)


def models() -> list[Fuzzed]:
    """One model of each form."""
    with TemporaryDirectory() as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("mlflow").setLevel(logging.ERROR)
        folder = Path(temporary)
        text = open_model(write_bundle(folder / "text"), "text-classifier")
        found = [Fuzzed(text, ["w1 w2", "w3"], {})]
        for name, (how, instances, params) in _forms().items():
            _save(folder / name, **how)
            model = open_model(folder / name, "mlflow", allow_pickle=True)
            found.append(Fuzzed(model, instances, params))
    return found


def _forms() -> dict[str, tuple[dict[str, Any], list[Any], dict[str, Any]]]:
    """What each model is saved with, right instances, and right parameters."""
    import numpy as np
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec
    from mlflow.types.schema import AnyType, Array, DataType, Map, Object, Property

    scalars = [ColSpec(kind, kind) for kind in _SCALARS]
    optional = [ColSpec(kind, f"{kind}?", required=False) for kind in _SCALARS]
    point = Object([Property("x", DataType.double), Property("y", DataType.long, required=False)])
    nested = {
        "list": Array(DataType.double),
        "matrix": Array(Array(DataType.long)),
        "record": point,
        "records": Array(point),
        "map": Map(DataType.string),
        "any": AnyType(),
    }
    row = {
        "list": [0.5, 1.5],
        "matrix": [[1, 2], [3, 4]],
        "record": {"x": 0.5, "y": 2},
        "records": [{"x": 0.5}, {"x": 1.5, "y": 3}],
        "map": {"a": "b"},
        "any": [1, {"a": "b"}],
    }
    params = ParamSchema(
        [ParamSpec("level", "double", 0.5), ParamSpec("words", "string", ["a"], (-1,))]
    )
    both = {**_SCALARS, **{f"{kind}?": value for kind, value in _SCALARS.items()}}
    named = [
        TensorSpec(np.dtype("float32"), (-1, 3), "wide"),
        TensorSpec(np.dtype("int64"), (-1,), "whole"),
        TensorSpec(np.dtype("bool"), (-1, -1), "flags"),
    ]
    tensors_row = {"wide": [0.5, 1.5, 2.5], "whole": 7, "flags": [True, False]}
    return {
        "scalars": ({"inputs": Schema([*scalars, *optional])}, [both, dict(_SCALARS)], {}),
        "nested": ({"inputs": Schema([ColSpec(t, n) for n, t in nested.items()])}, [row, row], {}),
        "unnamed": ({"inputs": Schema([ColSpec("string")])}, ["a", "b"], {}),
        "places": ({"inputs": Schema([ColSpec("long"), ColSpec("string")])}, [[1, "a"]], {}),
        "tensors": ({"inputs": Schema(named)}, [tensors_row, tensors_row], {}),
        "image": (
            {"inputs": Schema([TensorSpec(np.dtype("uint8"), (-1, 2, 2))])},
            [[[1, 2], [3, 4]]],
            {},
        ),
        "texts": ({"inputs": Schema([TensorSpec(np.dtype("O"), (-1,))])}, ["a", "b"], {}),
        "moments": (
            {"inputs": Schema([TensorSpec(np.dtype("datetime64[ns]"), (-1, 1))])},
            [["2024-05-01T13:00:00"]],
            {},
        ),
        "asked": (
            {"inputs": Schema([ColSpec("double", "x")]), "params": params},
            [{"x": 0.5}],
            {"level": 0.75, "words": ["b"]},
        ),
        "hint": ({"hint": True}, [{"role": "user", "at": "2024-05-01T13:00:00"}], {}),
    }


def _save(folder: Path, inputs: Any = None, params: Any = None, *, hint: bool = False) -> None:
    import mlflow.pyfunc
    from mlflow.models import ModelSignature

    class Echo(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # MLflow ships no types
        def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
            # MLflow takes a type hint for a signature. What is left out has no answer.
            if not hasattr(model_input, "columns"):
                return model_input
            return model_input[[name for name in model_input if not str(name).endswith("?")]]

    if hint:
        from tests.fuzz.hinted import Hinted

        mlflow.pyfunc.save_model(folder, python_model=Hinted(), pip_requirements=[])
        return
    signature = ModelSignature(inputs, params=params)
    mlflow.pyfunc.save_model(folder, python_model=Echo(), pip_requirements=[], signature=signature)

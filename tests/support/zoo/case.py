"""One model of the zoo."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

AB = {"age": "long", "income": "double"}
X = pd.DataFrame({"age": [60, 20], "income": [1.0, 5.0]})
ROW = {"age": 60, "income": 1.0}
ROWS = [ROW, {"age": 20, "income": 5.0}, {"age": 41, "income": 3.0}]


@dataclass(frozen=True)
class Ask:
    """One request. MLflow's server and ours shall answer alike, or ``why`` says why not."""

    instances: Sequence[Any]
    params: Mapping[str, Any] = field(default_factory=dict)
    form: str = ""
    """What MLflow's server calls the rows; by default by what they are."""
    status: int = 0
    """Ours, where it differs from MLflow's on purpose."""
    why: str = ""
    over_v2: bool = True
    """V2 has tensors for rows and answers."""

    @property
    def mlflow_payload(self) -> dict[str, Any]:
        """The body for MLflow's own server."""
        records = bool(self.instances) and isinstance(self.instances[0], dict)
        form = self.form or ("dataframe_records" if records else "inputs")
        return {form: list(self.instances), **({"params": self.params} if self.params else {})}


@dataclass(frozen=True)
class Case:
    """A model that ``save`` writes into a folder, and what it is asked."""

    name: str
    save: Callable[[Path], object]
    asks: tuple[Ask, ...]


def function(
    name: str,
    predict: Callable[[Any], Any],
    columns: Mapping[str, Any] | None = None,
    *,
    example: Any = None,
    optional: Sequence[str] = (),
    inputs: Any = None,
    outputs: Any = None,
    asks: Sequence[Ask] = (),
) -> Case:
    """A pyfunc model of the function ``predict`` over named columns, or over ``inputs``."""

    def save(folder: Path) -> None:
        import mlflow.pyfunc
        from mlflow.models import ModelSignature
        from mlflow.types import ColSpec, Schema

        class Function(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # MLflow ships no types
            def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
                return predict(model_input)

        schema = inputs or Schema(
            [ColSpec(t, n, required=n not in optional) for n, t in (columns or AB).items()]
        )
        quietly(
            mlflow.pyfunc.save_model,
            folder,
            python_model=Function(),
            pip_requirements=[],
            input_example=example,
            signature=ModelSignature(schema, outputs),
        )

    return Case(name, save, tuple(asks))


def quietly(save: Callable[..., Any], folder: Path, **how: Any) -> None:
    """Save with one of MLflow's flavours, whose warnings are not about what is tested."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        save(path=str(folder), **how)

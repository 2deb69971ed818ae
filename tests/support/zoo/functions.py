"""Functions over columns: what they take, and every form in which they answer."""

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
from mlflow.types.schema import Array, Map, Object, Property

from tests.support.zoo.case import ROW, ROWS, Ask, Case, X, function, quietly

_AB = (Ask(ROWS), Ask([ROW]))
_STRICT = "MLflow's server would change the value without a word"


def _answers(name: str, predict: Callable[[Any], Any], **how: Any) -> Case:
    return function(f"answers-{name}", predict, example=X, asks=_AB, **how)


def _dates(frame: Any) -> Any:
    return [f"{moment.isoformat()}" for moment in frame["when"]]


def _with_params(folder: Path) -> None:
    import mlflow.pyfunc
    from mlflow.models import ModelSignature

    class Scaled(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # MLflow ships no types
        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            given = params or {}
            return [float(v) * given["factor"] for v in model_input["income"]]

    schema = Schema([ColSpec("long", "age"), ColSpec("double", "income")])
    params = ParamSchema([ParamSpec("factor", DataType.double, 2.0)])
    quietly(
        mlflow.pyfunc.save_model,
        folder,
        python_model=Scaled(),
        pip_requirements=[],
        input_example=(X, {"factor": 3.0}),
        signature=ModelSignature(schema, params=params),
    )


def _columns(*columns: tuple[str, Any]) -> Schema:
    return Schema([ColSpec(of, name) for name, of in columns])


_POINT = Object([Property("x", DataType.double), Property("tag", DataType.string, required=False)])
_DAY = "2024-05-01T13:00:00"

FUNCTIONS = (
    _answers(
        "records-of-scalars", lambda d: [{"label": "yes", "score": np.float32(a)} for a in d.age]
    ),
    _answers("lists-of-scalars", lambda d: [[np.int64(a), np.float64(0.5)] for a in d.age]),
    _answers("list-of-arrays", lambda d: [np.array([a, 1.5]) for a in d.age]),
    _answers("list-of-texts", lambda d: [np.str_("k")] * len(d)),
    _answers("array-of-objects", lambda d: np.array([{"a": np.int8(1)}] * len(d), dtype=object)),
    _answers("structured-array", lambda d: np.array([(1, 0.5)] * len(d), dtype="i4,f8")),
    _answers("frame", lambda d: pd.DataFrame({"label": "yes", "score": d.income * 2})),
    _answers("frame-without-names", lambda d: pd.DataFrame([[0.1, 0.9]] * len(d))),
    _answers("frame-of-arrays", lambda d: pd.DataFrame({"v": [np.array([1.0, 2.0])] * len(d)})),
    _answers("frame-of-dates", lambda d: pd.DataFrame({"t": [pd.Timestamp(_DAY)] * len(d)})),
    _answers("series", lambda d: d.age * 2),
    _answers("series-without-name", lambda d: pd.Series([1.5] * len(d))),
    _answers("outputs-by-name", lambda d: {"label": ["yes"] * len(d), "n": d.age.to_numpy()}),
    _answers("outputs-of-matrices", lambda d: {"v": np.ones((len(d), 2))}),
    _answers("dates", lambda d: [datetime.date(2024, 5, 1)] * len(d)),
    _answers("nested-records", lambda d: [{"a": {"b": [1, {"c": np.bool_(True)}]}}] * len(d)),
    _answers("one-number", lambda d: float(d.income.sum())),
    _answers("one-text", lambda _: "all of them"),
    _answers("one-record", lambda d: {"rows": len(d), "text": "so many"}),
    _answers("fewer-rows", lambda d: d[d.age > 30]["age"].tolist()),
    _answers("tuples", lambda d: [(1, "a")] * len(d)),
    _answers("nothing", lambda d: [None] * len(d)),
    _answers("gaps", lambda d: np.where(d.age > 30, d.income, np.nan)),
    _answers("large-integers", lambda d: [2**53 + 1] * len(d)),
    _answers(
        "mixed-numbers",
        lambda d: [1 if a > 50 else 0.5 for a in d.age],
        outputs=Schema([ColSpec("double")]),
    ),
    function(
        "answers-lists-of-any-length",
        lambda d: [["k"] * (int(a) % 4) for a in d.age],
        example=X.assign(age=3),
        asks=(Ask(ROWS, over_v2=False), Ask([ROW])),
    ),
    _answers("centred", lambda d: (d.income - d.income.mean()).to_numpy()),
    _answers("ranked", lambda d: d.income.rank(ascending=False).astype(int).to_numpy()),
    _answers("numbered", lambda d: list(range(len(d)))),
    function(
        "codes-of-texts",
        lambda d: pd.factorize(d.c)[0],
        {"c": "string"},
        example=pd.DataFrame({"c": ["u"]}),
        asks=(Ask([{"c": "u"}, {"c": "v"}, {"c": "u"}]),),
    ),
    function(
        "dates",
        _dates,
        {"when": "datetime"},
        example=pd.DataFrame({"when": [pd.Timestamp(_DAY)]}),
        asks=(
            Ask([{"when": _DAY}, {"when": "2024-02-29T00:00:00"}]),
            Ask([{"when": "2024-05-01"}]),
            Ask([{"when": _DAY}, {"when": "2024-05-01"}], status=200, why="each date is its own"),
            Ask([{"when": f"{_DAY}Z"}], form="instances"),
            Ask([{"when": f"{_DAY}Z"}], status=200, why="MLflow takes Z in arrays only"),
            Ask([{"when": f"{_DAY}+02:00"}], status=200, why="MLflow takes offsets in arrays only"),
            Ask([{"when": "not a date"}]),
            Ask([{"when": "9999-12-31"}]),
            Ask([{"when": "2024-02-30"}]),
        ),
    ),
    function(
        "optional-columns",
        lambda d: [sorted(d.columns)] * len(d),
        {"n": "integer", "x": "double", "s": "string"},
        optional=("n", "s"),
        asks=(
            Ask([{"x": 1.0}]),
            Ask([{"x": 1.0, "n": 3, "s": "a"}]),
            Ask([{"x": 1.0, "s": None}], over_v2=False),
            Ask([{"x": 1.0, "n": None}], status=200, why="a null is as good as left out"),
            Ask([{"n": 3}]),
            Ask([{"x": 1.0, "n": 2**31}], status=400, why=_STRICT),
        ),
    ),
    function(
        "nulls-in-doubles",
        lambda d: d["x"].isna().tolist(),
        {"x": "double", "y": "float"},
        asks=(
            Ask([{"x": None, "y": None}, {"x": 1.0, "y": 2}]),
            Ask([{"x": 1e300, "y": 0.5}]),
        ),
    ),
    function(
        "integers",
        lambda d: d["n"].astype("int64").tolist(),
        {"n": "integer"},
        asks=(
            Ask([{"n": 3.0}]),
            Ask([{"n": None}]),
            Ask([{"n": 30.5}], status=400, why=_STRICT),
            Ask([{"n": "30"}], status=400, why="text is no number"),
            Ask([{"n": True}], status=400, why="a boolean is no number"),
            Ask([{"n": -(2**31) - 1}], status=400, why=_STRICT),
        ),
    ),
    function(
        "booleans",
        lambda d: d["b"].tolist(),
        {"b": "boolean"},
        asks=(Ask([{"b": True}, {"b": False}]),),
    ),
    function(
        "bytes",
        lambda d: [len(b) for b in d["b"]],
        {"b": "binary"},
        asks=(Ask([{"b": "aGVsbG8="}]), Ask([{"b": "no base64!"}], status=400, why=_STRICT)),
    ),
    function(
        "lists",
        lambda d: [sum(v) for v in d["v"]],
        inputs=_columns(("v", Array(DataType.double))),
        asks=(
            Ask([{"v": [1.0, 2.0]}, {"v": [0.5]}], over_v2=False),
            Ask([{"v": [1.5, 2.5]}]),
            Ask([{"v": 3.0}]),
        ),
    ),
    function(
        "records",
        lambda d: [p["x"] for p in d["p"]],
        inputs=_columns(("p", _POINT)),
        asks=(
            Ask([{"p": {"x": 1.5}}, {"p": {"x": 2.5, "tag": "b"}}]),
            Ask([{"p": {"tag": "b"}}]),
            Ask([{"p": {"x": 1.5, "y": 2}}]),
        ),
    ),
    function(
        "maps",
        lambda d: [sorted(m) for m in d["m"]],
        inputs=_columns(("m", Map(DataType.string))),
        asks=(Ask([{"m": {"a": "x", "b": "y"}}]),),
    ),
    Case(
        "parameters",
        _with_params,
        (
            Ask([ROW]),
            Ask([ROW], params={"factor": 0.5}),
            Ask([ROW], params={"factor": "much"}),
            Ask([ROW], params={"faktor": 0.5}, status=400, why="MLflow drops it without a word"),
        ),
    ),
    function(
        "no-parameters",
        lambda d: d.age.tolist(),
        example=X,
        asks=(Ask([ROW], params={"factor": 1}, status=400, why="MLflow drops it without a word"),),
    ),
    function(
        "example-of-a-dict",
        lambda d: [1] * len(d),
        {"q": "string", "n": "long"},
        example={"q": "why?", "n": 3},
        asks=(Ask([{"q": "a", "n": 1}]),),
    ),
    function(
        "example-of-records",
        lambda d: [1] * len(d),
        {"q": "string", "n": "long"},
        example=[{"q": "why?", "n": 3}],
        asks=(Ask([{"q": "a", "n": 1}]),),
    ),
)

"""Models of texts and messages: type hints, columns without names, what transformers are like."""

import datetime
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy as np
import pandas as pd
import pydantic
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import AnyType, Array, Object, Property

from tests.support.zoo.case import Ask, Case, function, quietly


class Person(pydantic.BaseModel):
    """What one of the models takes."""

    name: str
    age: int = 30


class _Texts(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # MLflow ships no types
    def predict(self, model_input: list[str], params: Any = None) -> Any:
        return [len(text) for text in model_input]


class _Numbers(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # see above
    def predict(self, model_input: list[float], params: Any = None) -> Any:
        return [2 * number for number in model_input]


class _People(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # see above
    def predict(self, model_input: list[Person], params: Any = None) -> Any:
        return [f"{person.name} {person.age}" for person in model_input]


class _Records(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # see above
    def predict(self, model_input: list[dict[str, float]], params: Any = None) -> Any:
        return [sum(record.values()) for record in model_input]


class _Dates(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # see above
    def predict(self, model_input: list[datetime.datetime], params: Any = None) -> Any:
        return [moment.hour for moment in model_input]


class _Bytes(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # see above
    def predict(self, model_input: list[dict[str, bytes]], params: Any = None) -> Any:
        return [len(record["data"]) for record in model_input]


class _Lists(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # see above
    def predict(self, model_input: list[list[str]], params: Any = None) -> Any:
        return [len(texts) for texts in model_input]


def _hinted(name: str, model: Any, example: Any, asks: Sequence[Ask]) -> Case:
    def save(folder: Path) -> None:
        quietly(
            mlflow.pyfunc.save_model,
            folder,
            python_model=model(),
            pip_requirements=[],
            input_example=example,
        )

    return Case(name, save, tuple(asks))


def _of_example(folder: Path) -> None:
    from mlflow.types.type_hints import TypeFromExample

    class FromExample(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # see above
        def predict(self, model_input: TypeFromExample) -> Any:
            return [str(text).upper() for text in model_input]

    quietly(
        mlflow.pyfunc.save_model,
        folder,
        python_model=FromExample(),
        pip_requirements=[],
        input_example=["a", "b"],
    )


def _embedding(frame: Any) -> Any:
    return np.array([[zlib.crc32(t.encode()) % 97, len(t)] for t in frame.iloc[:, 0]], dtype="f4")


def _classify(frame: Any) -> Any:
    return pd.DataFrame(
        [{"label": "LONG" if len(t) > 5 else "SHORT", "score": 0.75} for t in frame.iloc[:, 0]]
    )


def _generate(frame: Any) -> Any:
    return [f"{text} ..." for text in frame.iloc[:, 0]]


def _answer(frame: Any) -> Any:
    return [q["question"][:3] for q in frame.to_dict("records")]


_TEXT = Schema([ColSpec("string")])
_LABELS = Schema([ColSpec("string", "label"), ColSpec("double", "score")])
_CHAT = Schema(
    [
        ColSpec(
            Array(
                Object([Property("role", DataType.string), Property("content", DataType.string)])
            ),
            "messages",
        ),
        ColSpec("double", "temperature", required=False),
    ]
)
_TALK = {"messages": [{"role": "user", "content": "hi"}]}

MESSAGES = (
    _hinted("hint-texts", _Texts, ["abc"], (Ask(["a", "bcd"]), Ask([5]))),
    _hinted("hint-numbers", _Numbers, [1.5], (Ask([1.5, 2.5]), Ask(["a"]))),
    _hinted(
        "hint-models",
        _People,
        [{"name": "Ada"}],
        (
            Ask([{"name": "Ada", "age": 36}, {"name": "Bob"}], form="inputs"),
            Ask([{"age": 3}], form="inputs"),
        ),
    ),
    _hinted("hint-records", _Records, [{"a": 1.0}], (Ask([{"a": 1.5, "b": 2.0}], form="inputs"),)),
    _hinted(
        "hint-dates",
        _Dates,
        [datetime.datetime(2024, 5, 1, 13)],
        (
            Ask(["2024-05-01T13:00:00", "2024-05-01T14:00:00Z"]),
            Ask(["soon"], status=400, why="what is no date is no fault of the model's"),
        ),
    ),
    _hinted("hint-bytes", _Bytes, [{"data": b"ab"}], (Ask([{"data": "aGk="}], form="inputs"),)),
    _hinted("hint-lists", _Lists, [["a", "b"]], (Ask([["a", "b"], ["c", "d"]]),)),
    Case("type-from-example", _of_example, (Ask(["a", "bc"]),)),
    function(
        "text-generation",
        _generate,
        inputs=_TEXT,
        outputs=_TEXT,
        example="a text",
        asks=(Ask(["once", "upon"]), Ask(["a"], form="instances")),
    ),
    function(
        "text-classification",
        _classify,
        inputs=_TEXT,
        outputs=_LABELS,
        example=["a", "bc"],
        asks=(Ask(["short", "a longer one"]),),
    ),
    function(
        "embeddings", _embedding, inputs=_TEXT, example=["a text"], asks=(Ask(["one", "two"]),)
    ),
    function(
        "question-answering",
        _answer,
        {"question": "string", "context": "string"},
        example={"question": "why?", "context": "so."},
        asks=(Ask([{"question": "who?", "context": "me"}]), Ask([{"question": "who?"}])),
    ),
    function(
        "chat",
        lambda d: [m[-1]["content"] for m in d["messages"]],
        inputs=_CHAT,
        example={"messages": [{"role": "user", "content": "hello"}]},
        asks=(Ask([_TALK]), Ask([{"messages": [{"role": "user"}]}])),
    ),
    function(
        "anything",
        lambda d: [str(type(v).__name__) for v in d["v"]],
        inputs=Schema([ColSpec(AnyType(), "v")]),
        asks=(Ask([{"v": {"a": [1]}}]), Ask([{"v": "text"}], over_v2=False)),
    ),
    function(
        "columns-without-names",
        lambda d: (d.iloc[:, 0] + d.iloc[:, 1]).tolist(),
        inputs=Schema([ColSpec("double"), ColSpec("double")]),
        asks=(Ask([[1.0, 2.0], [3.0, 4.5]], over_v2=False),),
    ),
)

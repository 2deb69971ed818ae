"""Models of scikit-learn, XGBoost and LightGBM, over data frames and arrays."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.support.zoo.case import Ask, Case, quietly

_DRAW = np.random.default_rng(5)
NUMBERS = pd.DataFrame({"width": _DRAW.normal(size=60), "height": _DRAW.normal(size=60)})
WHOLE = pd.DataFrame({"rooms": _DRAW.integers(1, 9, 60), "floor": _DRAW.integers(0, 30, 60)})
CITIES = pd.DataFrame({"city": ["Ulm", "Bonn", "Trier"] * 20, "age": range(60)})
WORDS = pd.DataFrame({"text": ["good day", "bad night", "good night", "bad day"] * 15})
LABELS = np.where(NUMBERS["width"] > 0, "wide", "narrow")
TARGET = NUMBERS.to_numpy() @ np.array([2.0, -1.0])
MATRIX = _DRAW.normal(size=(60, 3))
GAPS = NUMBERS.where(_DRAW.random((60, 2)) > 0.2)

_FIVE = [dict(row) for row in NUMBERS.head(5).to_dict("records")]
_NULL = Ask([{"width": 0.5, "height": None}])
_FRAME = (Ask(_FIVE), Ask(_FIVE[:1]), Ask([{**_FIVE[0], "depth": 3}]), Ask([{"width": 0.5}]))


def _sklearn(make: Callable[[], Any], rows: Any, **how: Any) -> Callable[[Path], None]:
    def save(folder: Path) -> None:
        import mlflow.sklearn
        from mlflow.models import infer_signature

        model = make()
        predict = getattr(model, how.get("pyfunc_predict_fn", "predict"))
        quietly(
            mlflow.sklearn.save_model,
            folder,
            sk_model=model,
            signature=infer_signature(rows, predict(rows)),
            **{"input_example": rows[:2], "pip_requirements": [], **how},
            serialization_format="cloudpickle",
        )

    return save


def _logistic() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression().fit(NUMBERS, LABELS)


def _linear() -> Any:
    from sklearn.linear_model import LinearRegression

    return LinearRegression().fit(NUMBERS, TARGET)


def _forest() -> Any:
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(5, random_state=1).fit(WHOLE, WHOLE["rooms"] * 3.0)


def _two_targets() -> Any:
    from sklearn.linear_model import Ridge

    return Ridge().fit(NUMBERS, np.c_[TARGET, -TARGET])


def _clusters() -> Any:
    from sklearn.cluster import KMeans

    return KMeans(3, n_init=1, random_state=1).fit(NUMBERS)


def _matrix() -> Any:
    from sklearn.linear_model import LinearRegression

    return LinearRegression().fit(MATRIX, MATRIX @ [1.0, 2.0, 3.0])


def _integers() -> Any:
    from sklearn.tree import DecisionTreeClassifier

    rows = WHOLE.to_numpy()
    return DecisionTreeClassifier(random_state=1).fit(rows, rows[:, 0] > 4)


def _singles() -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(1).fit(MATRIX.astype(np.float32), LABELS)


def _cities(unknown: str) -> Callable[[], Any]:
    def make() -> Any:
        from sklearn.compose import make_column_transformer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder

        encode = make_column_transformer(
            (OneHotEncoder(handle_unknown=unknown), ["city"]), remainder="passthrough"
        )
        labels = np.where(CITIES["city"] == "Ulm", "yes", "no")
        return make_pipeline(encode, LogisticRegression(max_iter=500)).fit(CITIES, labels)

    return make


def _words() -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    read = make_column_transformer((TfidfVectorizer(), "text"))
    labels = [int("good" in text) for text in WORDS["text"]]
    return make_pipeline(read, LogisticRegression()).fit(WORDS, labels)


def _xgboost(kind: str) -> Callable[[Path], None]:
    def save(folder: Path) -> None:
        import mlflow.xgboost
        import xgboost
        from mlflow.models import ModelSignature, infer_signature
        from mlflow.types import ColSpec, Schema

        how: dict[str, Any] = {"input_example": NUMBERS.head(2)}
        if kind == "booster":
            data = xgboost.DMatrix(NUMBERS, TARGET)
            model = xgboost.train({"max_depth": 2, "nthread": 1}, data, 5)
            signature = infer_signature(NUMBERS, TARGET)
        elif kind == "gaps":
            model = xgboost.XGBClassifier(n_estimators=5, n_jobs=1)
            model.fit(GAPS, LABELS == "wide")
            columns = [ColSpec("double", name, required=False) for name in GAPS]
            signature = ModelSignature(Schema(columns))
        else:
            model = xgboost.XGBRegressor(n_estimators=5, n_jobs=1)
            model.fit(MATRIX.astype(np.float32), MATRIX[:, 0])
            signature = infer_signature(MATRIX.astype(np.float32), model.predict(MATRIX))
            how = {"input_example": MATRIX[:2].astype(np.float32)}
        quietly(
            mlflow.xgboost.save_model,
            folder,
            xgb_model=model,
            signature=signature,
            pip_requirements=[],
            **how,
        )

    return save


def _lightgbm(kind: str) -> Callable[[Path], None]:
    def save(folder: Path) -> None:
        import lightgbm
        import mlflow.lightgbm
        from mlflow.models import infer_signature

        quiet: dict[str, Any] = {"verbose": -1, "num_threads": 1, "min_child_samples": 2}
        model: Any
        if kind == "booster":
            data = lightgbm.Dataset(NUMBERS, TARGET, params=quiet)
            model = lightgbm.train(quiet, data, 5)
        elif kind == "ranker":
            model = lightgbm.LGBMRanker(n_estimators=5, **quiet)
            model.fit(NUMBERS, (TARGET > 0).astype(int), group=[30, 30])
        else:
            model = lightgbm.LGBMClassifier(n_estimators=5, **quiet).fit(NUMBERS, LABELS)
        quietly(
            mlflow.lightgbm.save_model,
            folder,
            lgb_model=model,
            signature=infer_signature(NUMBERS, model.predict(NUMBERS)),
            input_example=NUMBERS.head(2),
            pip_requirements=[],
            **({} if kind == "booster" else {"serialization_format": "cloudpickle"}),
        )

    return save


_LISTS = [list(map(float, row)) for row in MATRIX[:4]]
_ULM = {"city": "Ulm", "age": 30}
_ARRAYS = (
    Ask(_LISTS),
    Ask(_LISTS[:1], form="instances"),
    Ask([[1.0, 2.0]]),
    Ask([dict(zip("abc", row, strict=True)) for row in _LISTS], over_v2=False),
)

ESTIMATORS = (
    Case("sklearn-labels", _sklearn(_logistic, NUMBERS), (*_FRAME, _NULL)),
    Case(
        "sklearn-probabilities",
        _sklearn(_logistic, NUMBERS, pyfunc_predict_fn="predict_proba"),
        _FRAME,
    ),
    Case("sklearn-regression", _sklearn(_linear, NUMBERS), _FRAME),
    Case(
        "sklearn-forest-of-integers",
        _sklearn(_forest, WHOLE),
        (
            Ask([{"rooms": 3, "floor": 2}, {"rooms": 8, "floor": 1}]),
            Ask([{"rooms": 3.0, "floor": 2}]),
        ),
    ),
    Case("sklearn-two-targets", _sklearn(_two_targets, NUMBERS), _FRAME),
    Case("sklearn-clusters", _sklearn(_clusters, NUMBERS), _FRAME),
    Case(
        "sklearn-log-probabilities",
        _sklearn(_logistic, NUMBERS, pyfunc_predict_fn="predict_log_proba"),
        _FRAME,
    ),
    Case("sklearn-array", _sklearn(_matrix, MATRIX), _ARRAYS),
    Case(
        "sklearn-array-of-integers",
        _sklearn(_integers, WHOLE.to_numpy()),
        (Ask([[3, 2], [8, 1]]), Ask([[3, 2]], form="instances"), Ask([[3, 2, 1]])),
    ),
    Case("sklearn-array-of-float32", _sklearn(_singles, MATRIX.astype(np.float32)), _ARRAYS),
    Case(
        "sklearn-categories",
        _sklearn(_cities("error"), CITIES),
        (
            Ask([_ULM, {"city": "Bonn", "age": 3}]),
            Ask([{**_ULM, "city": "Paris"}], status=500, why="the model raised: its failure"),
        ),
    ),
    Case(
        "sklearn-categories-without-example",
        _sklearn(_cities("error"), CITIES, input_example=None),
        (Ask([_ULM, {"city": "Bonn", "age": 3}]),),
    ),
    Case(
        "sklearn-unknown-categories",
        _sklearn(_cities("ignore"), CITIES),
        (Ask([_ULM, {"city": "Paris", "age": 3}]), Ask([{"age": 3}])),
    ),
    Case(
        "sklearn-text",
        _sklearn(_words, WORDS),
        (Ask([{"text": "good"}, {"text": "a bad one"}]), Ask(["good", "bad"])),
    ),
    Case("xgboost-booster", _xgboost("booster"), (*_FRAME, Ask([{"width": None, "height": 1}]))),
    Case(
        "xgboost-gaps",
        _xgboost("gaps"),
        (
            Ask(_FIVE),
            Ask([{"width": None, "height": 0.5}, {"width": 0.1, "height": None}]),
            Ask(
                [{"width": 0.5}],
                status=200,
                why="the model refuses a frame without the column, which MLflow leaves out; "
                "it was seen to take a null, so it gets one",
            ),
        ),
    ),
    Case("xgboost-array", _xgboost("array"), _ARRAYS),
    Case("lightgbm-booster", _lightgbm("booster"), (*_FRAME, Ask([{"width": None, "height": 1}]))),
    Case("lightgbm-labels", _lightgbm("labels"), _FRAME),
    Case("lightgbm-ranker", _lightgbm("ranker"), _FRAME),
)

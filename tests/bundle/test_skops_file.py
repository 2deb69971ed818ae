"""What a skops file may name, and that honest ones are read."""

import importlib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.bundle import skops_file
from components.bundle.skops_types import BY_LOADER, ESTIMATORS, PROTOCOL
from components.errors import ArtifactError

ROWS = np.random.default_rng(1).random((40, 3)) * 9
LABELS = (ROWS[:, 0] > 4).astype(int)


def test_the_list_has_the_estimators_that_are_installed() -> None:
    """A new scikit-learn has new ones: look at what they call, then add them."""
    from sklearn.utils import all_estimators
    from skops.io import _protocol
    from skops.io._sklearn import UNSUPPORTED_TYPES

    installed = {
        f"{kind.__module__}.{kind.__name__}"
        for _, kind in all_estimators()
        if kind not in UNSUPPORTED_TYPES
    }
    listed = {f"{module}.{name}" for module, names in ESTIMATORS.items() for name in names.split()}
    # Experimental ones are in the table of parts: they are found only once somebody asks for them.
    assert installed - BY_LOADER["ObjectNode"] == set()
    assert listed - installed == set()
    assert PROTOCOL == _protocol.PROTOCOL


@pytest.mark.parametrize("name", sorted(skops_file.NAMES))
def test_every_name_is_of_something(name: str) -> None:
    module, _, short = name.rpartition(".")
    assert hasattr(importlib.import_module(module), short)


def test_no_loader_makes_what_another_one_may_only_hold() -> None:
    called = BY_LOADER["ListNode"] | BY_LOADER["SetNode"] | BY_LOADER["DictNode"]
    assert called & BY_LOADER["FunctionNode"] == set()
    assert BY_LOADER["TypeNode"] & (BY_LOADER["FunctionNode"] | BY_LOADER["ObjectNode"]) == set()
    calling = {"MethodNode", "PartialNode", "OperatorFuncNode", "ConstructorFromReduceNode"}
    assert calling & BY_LOADER.keys() == set()


def _pipeline() -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.feature_selection import SelectKBest
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    columns = make_column_transformer(
        (StandardScaler(), [0]), (OneHotEncoder(), [1]), remainder="passthrough"
    )
    rounded = FunctionTransformer(np.rint)
    return make_pipeline(rounded, columns, SelectKBest(k=2), LogisticRegression())


def _search() -> Any:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import GridSearchCV

    return GridSearchCV(RandomForestClassifier(3), {"max_depth": [1, 2]}, cv=2, scoring="f1")


def _target() -> Any:
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.ensemble import HistGradientBoostingRegressor

    return TransformedTargetRegressor(
        HistGradientBoostingRegressor(max_iter=2), func=np.log1p, inverse_func=np.expm1
    )


def _neighbours() -> Any:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.neighbors import KNeighborsClassifier

    return CalibratedClassifierCV(KNeighborsClassifier(algorithm="ball_tree"), cv=2)


def _processes() -> Any:
    from sklearn.gaussian_process import GaussianProcessClassifier
    from sklearn.gaussian_process.kernels import RBF

    return GaussianProcessClassifier(1.0 * RBF(1.0))


def _boosted() -> Any:
    from lightgbm import LGBMClassifier

    return LGBMClassifier(n_estimators=2, verbose=-1, n_jobs=1)


def _xgboosted() -> Any:
    from xgboost import XGBClassifier

    return XGBClassifier(n_estimators=2, n_jobs=1)


@pytest.mark.parametrize(
    "make", [_pipeline, _search, _target, _neighbours, _processes, _boosted, _xgboosted]
)
def test_what_people_train_is_read(make: Callable[[], Any], tmp_path: Path) -> None:
    import skops.io

    model = make().fit(ROWS, LABELS)
    skops.io.dump(model, tmp_path / "model.skops")
    skops_file.refuse_code(tmp_path / "model.skops")
    loaded = skops.io.load(tmp_path / "model.skops", trusted=sorted(skops_file.NAMES))
    assert np.array_equal(loaded.predict(ROWS), model.predict(ROWS))


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04", b"not an archive", b"x" * 100_000],
    ids=["empty", "cut", "text", "long"],
)
def test_what_is_no_archive_is_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.skops").write_bytes(content)
    with pytest.raises(ArtifactError, match="no skops file") as caught:
        skops_file.refuse_code(tmp_path / "model.skops")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "schema", [b"[]", b"{", b"{}", b"[" * 200_000, b"\xff", b'{"protocol": true}', b"1" * 5000]
)
def test_a_schema_that_is_none_is_one_line(schema: bytes, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model.skops", "w") as archive:
        archive.writestr("schema.json", schema)
    with pytest.raises(ArtifactError) as caught:
        skops_file.refuse_code(tmp_path / "model.skops")
    assert "\n" not in str(caught.value)

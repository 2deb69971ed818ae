"""Rows share a call only where unlike rows showed that no answer depends on its neighbours."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow.types import ColSpec, Schema, TensorSpec

from components.endpoint import Execution
from components.predictor.runtimes.pyfunc import Pyfunc
from components.predictor.runtimes.rows import splits
from components.predictor.scheduling.calibration import calibrate
from components.predictor.server import open_service
from components.predictor.service import Service
from components.predictor.settings import Settings
from tests.support.zoo.case import ROWS, X, function

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]  # MLflow warns of pickles

ONE = X.head(1)
TEXTS = {"c": "string"}


def model(folder: Path, predict: Callable[[Any], Any], columns: Any = None, **how: Any) -> Pyfunc:
    function("m", predict, columns, **how).save(folder)
    return Pyfunc.load(folder, allow_pickle=True)


def income(frame: Any) -> Any:
    return frame["income"]


@pytest.mark.parametrize("example", [None, ONE, X], ids=["none", "one row", "two rows"])
@pytest.mark.parametrize(
    "predict",
    [
        lambda d: (income(d) - income(d).mean()).to_numpy(),
        lambda d: income(d).rank().to_numpy(),
        lambda d: income(d).cumsum().to_numpy(),
        lambda d: np.sort(income(d)),
        lambda d: np.arange(len(d)),
        lambda d: [len(d)] * len(d),
        lambda d: (income(d) / income(d).max()).to_numpy(),
        lambda d: d.drop_duplicates()["income"].tolist(),
        lambda d: pd.DataFrame({"z": income(d) - income(d).median()}),
        lambda d: {"z": income(d).diff().fillna(0).tolist()},
        lambda d: float(income(d).sum()),
        lambda d: np.random.default_rng().random(len(d)),
        lambda d: [1.0] * min(len(d), 20),
        lambda d: income(d).clip(upper=income(d).quantile(0.99)).to_numpy(),
        lambda d: income(d).fillna(income(d).mean()).to_numpy(),
        lambda d: income(d).ffill().to_numpy(),
        lambda d: d.groupby("age")["income"].transform("mean").to_numpy(),
        lambda d: d["age"].where(income(d).notna(), d["age"].max()).to_numpy(),
    ],
    ids=lambda _: "",
)
def test_a_model_whose_answers_depend_on_their_neighbours_gets_whole_requests(
    tmp_path: Path, predict: Callable[[Any], Any], example: Any
) -> None:
    found = model(tmp_path / "m", predict, example=example)
    assert found.whole
    plan = calibrate(found, Execution())
    assert (plan.batching, plan.batch_rows) == ("alone", 1)


@pytest.mark.parametrize("example", [None, ONE, X], ids=["none", "one row", "two rows"])
@pytest.mark.parametrize(
    "predict",
    [
        lambda d: (income(d) * 2 + d["age"]).to_numpy(),
        lambda d: pd.DataFrame({"z": income(d), "l": "a"}),
        lambda d: {"z": income(d).tolist()},
        lambda d: ["yes"] * len(d),
        lambda d: (income(d).fillna(-1.0) + d["age"]).to_numpy(),
        lambda d: [None if missing else "yes" for missing in income(d).isna()],
    ],
    ids=lambda _: "",
)
def test_a_model_whose_answers_do_not_may_share_its_calls(
    tmp_path: Path, predict: Callable[[Any], Any], example: Any
) -> None:
    assert not model(tmp_path / "m", predict, example=example).whole


def codes(frame: Any) -> Any:
    return pd.factorize(frame["c"])[0]


def known(frame: Any) -> Any:
    if set(frame["c"]) - {"u"}:
        raise ValueError("unknown category")
    return codes(frame)


@pytest.mark.parametrize("predict", [codes, known])
def test_texts_that_could_not_be_varied_prove_nothing(tmp_path: Path, predict: Any) -> None:
    assert model(tmp_path / "m", predict, TEXTS, example=pd.DataFrame({"c": ["u"]})).whole


def test_texts_that_could_be_varied_do(tmp_path: Path) -> None:
    found = model(tmp_path / "m", lambda d: d["c"].str.upper().tolist(), TEXTS, example={"c": "u"})
    assert not found.whole


def filled(array: Any) -> Any:
    missing = np.isnan(array)
    return np.where(missing, array[~missing].mean() if not missing.all() else 0.0, array)


def told_by_group(array: Any) -> Any:
    return [array[array[:, 0] == key][:, 1].mean() for key in array[:, 0]]


@pytest.mark.parametrize("predict", [lambda x: x - x.mean(axis=0), filled, told_by_group])
def test_a_tensor_s_rows_are_tried_as_well(tmp_path: Path, predict: Callable[[Any], Any]) -> None:
    schema = Schema([TensorSpec(np.dtype("float32"), (-1, 2))])
    assert model(tmp_path / "a", predict, inputs=schema).whole
    assert not model(tmp_path / "b", lambda x: np.nan_to_num(x) * 2, inputs=schema).whole


def test_rows_that_were_made_for_the_proof_are_not_what_outputs_are_learnt_from(
    tmp_path: Path,
) -> None:
    found = model(
        tmp_path / "m", lambda d: [None if n else "yes" for n in income(d).isna()], example=X
    )
    assert [(spec.name, spec.datatype) for spec in found.outputs] == [("predict", "BYTES")]
    assert all(row["income"] == row["income"] for row in found.samples())


@pytest.mark.parametrize("count", [0, 1, 2, 3, 8, 9, 100])
def test_any_two_parts_are_once_taken_from_different_rows(count: int) -> None:
    ways = list(splits(count))
    pairs = [(one, other) for one in range(count) for other in range(count) if one != other]
    assert all(any(way[one] and not way[other] for way in ways) for one, other in pairs)
    assert len(ways) <= 14
    assert len(list(splits(100_000))) == 6


def test_clients_at_once_get_the_answers_that_they_get_alone(tmp_path: Path) -> None:
    """A model that centres a column: one row alone is always 0, three are ranked together."""
    function("m", lambda d: (income(d) - income(d).mean()).to_numpy(), example=ONE).save(
        tmp_path / "m"
    )
    settings = Settings(
        bundle=tmp_path / "m",
        runtime="mlflow",
        model_name="m",
        model_version="1",
        allow_pickle=True,
        execution=Execution(executors=2, threads=1, batching="padded", batch_tokens=64),
    )

    async def ask() -> list[Any]:
        service = Service("m", "1")
        engine = await open_service(settings, service)
        rows = [[{"age": 1, "income": float(n)}] for n in range(40)]
        try:
            return await asyncio.gather(*map(service.predict, [*rows, ROWS]))
        finally:
            engine.close()
            await asyncio.to_thread(engine.join, 10)

    *alone, together = asyncio.run(ask())
    assert alone == [[0.0]] * 40
    assert together == [-2.0, 2.0, 0.0]


def test_a_model_of_which_no_row_is_known_is_served_unmeasured(tmp_path: Path) -> None:
    found = model(tmp_path / "m", known, TEXTS)
    assert found.samples() == []
    plan = calibrate(found, Execution(executors=3, batching="padded"), cores=4)
    assert (plan.executors, plan.batching, plan.rows_per_second) == (3, "alone", 0.0)
    assert found.predict([{"c": "u"}]) == [0]


def test_an_optional_column_that_the_model_cannot_do_without_is_a_null(tmp_path: Path) -> None:
    needs = model(
        tmp_path / "a",
        lambda d: d["x"].isna().tolist(),
        {"x": "double", "y": "double"},
        optional=("x",),
        example=pd.DataFrame({"x": [1.0, 2.0], "y": [1.0, 2.0]}),
    )
    assert needs.predict([{"y": 1.0}]) == [True]
    looks = model(
        tmp_path / "b",
        lambda d: ["x" in d] * len(d),
        {"x": "double", "y": "double"},
        optional=("x",),
        example=pd.DataFrame({"x": [1.0, 2.0], "y": [1.0, 2.0]}),
    )
    assert looks.predict([{"y": 1.0}, {"x": 1.0, "y": 1.0}]) == [False, True]


def test_parameters_are_part_of_what_rows_must_share(tmp_path: Path) -> None:
    from tests.support.zoo import ZOO

    ZOO["parameters"].save(tmp_path / "m")
    found = Pyfunc.load(tmp_path / "m", allow_pickle=True)
    raw = found.from_instances(ROWS[:1])
    one, two, none = (
        found.prepare(found.with_params(raw, params))[0]
        for params in ({"factor": 1}, {"factor": 2}, {})
    )
    assert len({one.group, two.group, none.group}) == 3
    assert [found.run([row], alone=True) for row in (one, two, none)] == [[1.0], [2.0], [2.0]]


def test_the_declared_outputs_are_those_of_the_metadata(tmp_path: Path) -> None:
    double = Schema([ColSpec("double")])
    found = model(tmp_path / "m", lambda d: [1] * len(d), example=X, outputs=double)
    assert [(spec.name, spec.datatype) for spec in found.outputs] == [("predict", "FP64")]

"""A candidate that refuses what the champion takes does not pass, and the columns are named."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest
from mlflow.types import ColSpec, Schema

from components.endpoint import Endpoint
from components.errors import InputError
from components.evaluation import EvaluationResult, evaluate
from components.platform.memory import World
from tests.support.bundles import write_bundle
from tests.support.endpoints import endpoint as make_endpoint
from tests.support.zoo.case import AB, X, function

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # MLflow warns of pickles
]

WITH_TENURE = {**AB, "tenure": "double"}
ROWS = "age,income,tenure,label\n60,1.0,2.0,yes\n20,5.0,3.0,yes\n"


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The functions of this file are loaded by name where they are asked: in another process."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


def yes(frame: Any) -> list[str]:
    return ["yes"] * len(frame)


def save(folder: Path, columns: Mapping[str, str] = AB, predict: Any = yes, **how: Any) -> Path:
    function(folder.name, predict, columns, **how).save(folder)
    return folder


def endpoint(folder: Path, **evaluation: Any) -> Endpoint:
    path = folder / "rows.csv"
    if not path.exists():
        path.write_text(ROWS)
    return make_endpoint(
        evaluation={
            "dataset": {"uri": path.as_uri(), "target": "label"},
            "accuracy": {"min": 0.5},
            "latency": {"p95_ms": 60_000},
            **evaluation,
        },
        serving={"runtime": "mlflow", "allow_pickle": True},
    )


def evaluated(folder: Path, candidate: Path, champion: Path, **rest: Any) -> EvaluationResult:
    found = evaluate(endpoint(folder, **rest), candidate, champion, World().platform.files.read)
    assert msgspec.json.decode(msgspec.json.encode(found), type=EvaluationResult) == found
    return found


def test_a_column_that_is_newly_required_is_named_and_does_not_pass(tmp_path: Path) -> None:
    champion = save(tmp_path / "champion", example=X)
    candidate = save(tmp_path / "candidate", WITH_TENURE)
    found = evaluated(tmp_path, candidate, champion)
    assert (found.accuracy, found.failures) == (1.0, 0)
    assert not found.passed
    (reason,) = found.reasons
    assert "column 'tenure' (double) is required, the champion has none" in reason
    assert "the champion's input example: row 0: column 'tenure' is missing" in reason
    assert reason.endswith("set evaluation.allow_narrower_inputs: true")
    assert found.inputs is not None
    assert (found.inputs.asked, found.inputs.unanswered) == (3, 3)


@pytest.mark.long
def test_fewer_and_optional_columns_are_no_reason(tmp_path: Path) -> None:
    champion = save(tmp_path / "champion", WITH_TENURE, example=X.assign(tenure=1.0))
    columns = {"age": "double", "more": "string"}
    candidate = save(tmp_path / "candidate", columns, optional=["more"])
    found = evaluated(tmp_path, candidate, champion)
    assert found.passed
    assert found.inputs is not None
    assert (found.inputs.narrower, found.inputs.unanswered) == ((), 0)
    assert any("not used any more: income, tenure" in each for each in found.warnings)


def test_what_the_signature_does_not_tell_the_champion_s_requests_do(tmp_path: Path) -> None:
    """The signature says that the column need not be there, the model's code that it must."""
    champion = save(tmp_path / "champion", example=X)
    candidate = save(
        tmp_path / "candidate",
        WITH_TENURE,
        lambda frame: ["yes" for _ in frame["tenure"] + 1.0 if pd.notna(_)],
        optional=["tenure"],
    )
    found = evaluated(tmp_path, candidate, champion)
    assert not found.passed
    assert found.inputs is not None
    assert found.inputs.narrower == ()
    assert "3 of 3 requests that the champion answers got no answer" in found.reasons[0]


@pytest.mark.long
def test_an_example_that_the_champion_itself_refuses_asks_nothing(tmp_path: Path) -> None:
    champion = save(tmp_path / "champion", example=X)
    (champion / "serving_input_example.json").write_text('{"dataframe_records": [{"age": "old"}]}')
    found = evaluated(tmp_path, save(tmp_path / "candidate"), champion)
    assert found.passed
    assert found.inputs is not None
    assert found.inputs.asked == 2


@pytest.mark.long
def test_other_answers_are_a_note(tmp_path: Path) -> None:
    def outputs(*names: str) -> Schema:
        return Schema([ColSpec("string", name) for name in names])

    def predict(*names: str) -> Any:
        return lambda frame: [dict.fromkeys(names, "yes") for _ in range(len(frame))]

    champion = save(
        tmp_path / "champion", predict=predict("label", "why"), outputs=outputs("label", "why")
    )
    candidate = save(tmp_path / "candidate", predict=predict("label"), outputs=outputs("label"))
    found = evaluated(tmp_path, candidate, champion)
    assert found.passed
    assert found.warnings == ("clients may notice: outputs that are gone: why",)


def test_rows_that_do_not_have_the_new_column_end_in_words_that_name_it(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("age,income,label\n60,1.0,yes\n20,5.0,yes\n")
    champion = save(tmp_path / "champion", example=X)
    candidate = save(tmp_path / "candidate", WITH_TENURE)
    with pytest.raises(InputError, match="no column 'tenure'"):
        evaluated(tmp_path, candidate, champion)


@pytest.mark.long
def test_a_champion_of_another_kind_is_opened_as_what_it_is(tmp_path: Path) -> None:
    """The endpoint's file names a text classifier now; what serves is any other model."""
    texts = [f"w{n} w{n + 1}" for n in range(4)]
    rows = "\n".join(f"{text},yes" for text in texts)
    (tmp_path / "rows.csv").write_text(f"text,label\n{rows}\n")
    champion = save(tmp_path / "champion", {"text": "string"})
    candidate = write_bundle(tmp_path / "candidate")
    file = endpoint(tmp_path, regression={"alpha": 1e-9}, accuracy={"min": 0.0})
    serving = file.serving.model_copy(update={"runtime": "text-classifier"})
    file = file.model_copy(update={"serving": serving})
    found = evaluate(file, candidate, champion, World().platform.files.read)
    assert found.champion_accuracy == 1.0
    # Its clients may send records, which a text classifier refuses.
    assert "instance 0 is no string" in found.reasons[0]


@pytest.mark.long
def test_a_champion_that_is_not_made_for_the_data_set_is_told_and_may_be_replaced(
    tmp_path: Path,
) -> None:
    """The file names another model and its data set: what serves cannot be asked these rows."""
    champion = save(tmp_path / "champion", {"text": "string"})
    candidate = save(tmp_path / "candidate")
    found = evaluated(tmp_path, candidate, champion)
    said = "the champion did not answer 2 of 2 held-out rows: the data set has no column 'text'"
    assert found.reasons[-1].startswith(said)
    assert "it takes none of the champion's columns: text" in found.reasons[0]
    let = {"allow_narrower_inputs": True, "regression": {"unanswered": 1}}
    assert evaluated(tmp_path, candidate, champion, **let).passed


def test_a_champion_that_can_no_more_be_loaded_is_told_and_may_be_replaced(tmp_path: Path) -> None:
    champion = save(tmp_path / "champion")
    (champion / "python_model.pkl").unlink()
    candidate = save(tmp_path / "candidate")
    found = evaluated(tmp_path, candidate, champion)
    (reason,) = found.reasons
    assert "the champion did not answer 2 of 2 held-out rows" in reason
    assert "python_model.pkl" in reason
    assert evaluated(tmp_path, candidate, champion, regression={"unanswered": 1}).passed

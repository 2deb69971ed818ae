import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from components.bundle import verify
from components.errors import InputError
from components.platform import Platform
from components.registry import flavor, register
from components.registry.names import MANIFEST_TAG
from components.registry.register import Candidate
from tests.support.bundles import write_bundle
from tests.support.zoo.case import X, function

MODEL = "tiny-colours"


@pytest.fixture(scope="module")
def server(platform: Platform) -> Any:
    return register.client(platform.registry.url)


def download(platform: Platform, model: str, version: str, folder: Path) -> None:
    platform.registry.download(model, version, folder)


@pytest.fixture
def candidate(tmp_path: Path) -> Candidate:
    bundle = write_bundle(tmp_path / "bundle")
    return Candidate(
        experiment="sluice-tests",
        model=MODEL,
        recipe="r" * 64,
        name="tiny",
        summary="three colours",
        card="# Three colours\n",
        save=lambda folder, description: flavor.save(bundle, folder, description),
        metrics={"held_out_accuracy": 0.5, "held_out_rows": 10.0},
        params={"recipe": "tiny"},
        data_uri="s3://datasets/tiny/train.csv",
        data_digest="d" * 64,
    )


@pytest.fixture
def registered(server: Any, candidate: Candidate) -> Iterator[register.Registered]:
    yield register.register(server, candidate)
    server.delete_registered_model(MODEL)


def test_a_registered_version_has_verified_files_and_no_pickle(
    platform: Platform, server: Any, registered: register.Registered, tmp_path: Path
) -> None:
    folder = tmp_path / "downloaded"
    download(platform, MODEL, registered.version, folder)
    tags = server.get_model_version(MODEL, registered.version).tags
    verify(folder, tags[MANIFEST_TAG], allow_pickle=False)
    assert {path.name for path in folder.iterdir()} == {
        "MANIFEST.json",
        "MLmodel",
        "MODEL_CARD.md",
        "bundle.json",
        "input_example.json",
        "model.onnx",
        "tokenizer.json",
    }


def test_one_flipped_byte_of_a_downloaded_version_is_found(
    platform: Platform, server: Any, registered: register.Registered, tmp_path: Path
) -> None:
    folder = tmp_path / "downloaded"
    download(platform, MODEL, registered.version, folder)
    content = bytearray((folder / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.onnx").write_bytes(bytes(content))
    tags = server.get_model_version(MODEL, registered.version).tags
    with pytest.raises(InputError, match=r"model\.onnx does not match its checksum"):
        verify(folder, tags[MANIFEST_TAG], allow_pickle=False)


def test_mlflow_itself_loads_the_version_and_predicts(
    server: Any, registered: register.Registered
) -> None:
    import mlflow

    mlflow.set_tracking_uri(server.tracking_uri)
    model = mlflow.pyfunc.load_model(f"models:/{MODEL}/{registered.version}")
    assert [column.name for column in model.metadata.signature.inputs.inputs] == ["text"]
    got = model.predict(pd.DataFrame({"text": ["w1 w2", "w9"]}))
    assert list(got.columns) == ["label", "probability"]
    assert set(got["label"]) <= {"red", "green", "blue"}
    example = model.metadata.load_input_example(
        mlflow.artifacts.download_artifacts(f"models:/{MODEL}/{registered.version}")
    )
    assert list(example.columns) == ["text"]


def test_the_run_holds_metrics_and_the_digest_of_the_training_data(
    server: Any, registered: register.Registered
) -> None:
    entry = server.get_model_version(MODEL, registered.version)
    run = server.get_run(entry.run_id)
    assert run.data.metrics == {"held_out_accuracy": 0.5, "held_out_rows": 10.0}
    (used,) = run.inputs.dataset_inputs
    assert used.dataset.digest == "d" * 32
    assert json.loads(used.dataset.source)["sha256"] == "d" * 64
    assert run.info.status == "FINISHED"
    assert entry.description == "# Three colours\n"


def test_a_version_is_found_by_its_recipe_and_an_unfinished_one_is_not(
    server: Any, registered: register.Registered
) -> None:
    found = register.find(server, MODEL, "r" * 64)
    assert found is not None
    assert (found.version, found.new) == (registered.version, False)
    assert found.metrics["held_out_accuracy"] == 0.5
    assert register.find(server, MODEL, "x" * 64) is None
    server.delete_model_version_tag(MODEL, registered.version, MANIFEST_TAG)
    assert register.find(server, MODEL, "r" * 64) is None


def saved(folder: Path, **options: Any) -> Path:
    """A user's own small model, as scikit-learn and MLflow write it."""
    import mlflow.sklearn
    from mlflow.models import infer_signature
    from sklearn.linear_model import LogisticRegression

    rows = pd.DataFrame({"width": [1.0, 2.0, 3.0, 4.0], "height": [4.0, 3.0, 2.0, 1.0]})
    model = LogisticRegression().fit(rows, ["low", "low", "high", "high"])
    signature = infer_signature(rows, model.predict(rows))
    defaults = {"signature": signature, "pip_requirements": ["scikit-learn"]}
    mlflow.sklearn.save_model(model, folder, **(defaults | options))
    return folder


def test_a_model_of_one_s_own_is_registered_with_its_manifest(
    platform: Platform, server: Any, tmp_path: Path
) -> None:
    source = saved(tmp_path / "mine", serialization_format="skops")
    before = sorted(path.name for path in source.iterdir())
    own = register.register_own(server, str(source), "own-model")
    assert own.refused == ""
    assert sorted(path.name for path in source.iterdir()) == before
    download(platform, "own-model", own.version, tmp_path / "downloaded")
    tags = server.get_model_version("own-model", own.version).tags
    verify(tmp_path / "downloaded", tags[MANIFEST_TAG], allow_pickle=False)

    import mlflow

    mlflow.set_tracking_uri(server.tracking_uri)
    model = mlflow.pyfunc.load_model(f"models:/own-model/{own.version}")
    entry = server.get_model_version("own-model", own.version)
    assert entry.source == f"models:/{model.metadata.model_id}"
    rows = pd.DataFrame({"width": [1.0, 4.0], "height": [4.0, 1.0]})
    assert list(model.predict(rows)) == ["low", "high"]

    again = register.register_own(server, f"models:/own-model/{own.version}", "own-model")
    assert int(again.version) == int(own.version) + 1
    server.delete_registered_model("own-model")


def test_a_model_that_holds_a_pickle_says_so_when_it_is_registered(
    server: Any, tmp_path: Path
) -> None:
    source = saved(tmp_path / "mine", serialization_format="cloudpickle")
    own = register.register_own(server, str(source), "own-pickle")
    assert "model.pkl is a pickle" in own.refused
    assert "serving.allow_pickle" in own.refused
    assert "sluice register --allow-pickle" in own.notes[0]
    server.delete_registered_model("own-pickle")


def test_what_is_no_servable_model_is_one_clear_line(server: Any, tmp_path: Path) -> None:
    def refused(source: str) -> str:
        with pytest.raises(InputError) as caught:
            register.register_own(server, source, "own-nothing")
        assert "\n" not in str(caught.value)
        return str(caught.value)

    (tmp_path / "empty").mkdir()
    assert "no MLflow model" in refused(str(tmp_path / "empty"))
    assert "No such file" in refused(str(tmp_path / "none"))
    assert "cannot be downloaded" in refused("models:/no-such-model/1")
    assert "no signature" in refused(str(saved(tmp_path / "bare", signature=None)))
    linked = saved(tmp_path / "linked")
    (linked / "link").symlink_to("/etc/hostname")
    assert "symbolic link" in refused(str(linked))
    assert server.search_model_versions("name = 'own-nothing'") == []


def test_what_cannot_be_served_is_not_registered(server: Any, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow warns of pickles
        function("m", lambda d: [{1}] * len(d), example=X).save(tmp_path / "m")
    with pytest.raises(InputError, match=r"m: the model cannot be served: .*no JSON form"):
        register.register_own(server, str(tmp_path / "m"), "own-nothing", allow_pickle=True)
    assert server.search_model_versions("name = 'own-nothing'") == []

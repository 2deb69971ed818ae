"""Nothing that an artifact names is run where pickles are not allowed; each way by itself."""

import warnings
from contextlib import suppress
from pathlib import Path

import pytest

from components.bundle import verify, write_manifest
from components.errors import ArtifactError
from components.predictor import open_model, trial
from components.registry import register
from tests.support.attacks import ATTACKS, RUNNING, Attack

OUTSIDE = ("outside", "code-absolute", "code-relative", "example", "artifacts", "env-")
"""Attacks by a path, which are refused where pickles are allowed, too."""


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "ran"


def made(attack: Attack, tmp_path: Path, canary: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        attack.make(folder, canary)
    return folder


def one_line(said: str) -> None:
    assert "\n" not in said
    mends = ("serving.allow_pickle: true", "save the model", "copy the file itself")
    assert any(mend in said for mend in mends), said


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_the_loader_refuses_it_in_one_line_and_runs_nothing(
    attack: Attack, tmp_path: Path, canary: Path
) -> None:
    folder = made(attack, tmp_path, canary)
    with pytest.raises(ArtifactError) as caught:
        open_model(folder, "mlflow")
    said = str(caught.value)
    if not attack.name.startswith(("onnx-external", "onnx-custom")):  # refused by ONNX Runtime
        one_line(said)
        assert "MLflow cannot load" not in said
    found = trial.answer({"folder": str(folder), "allow_pickle": False})
    assert found["refused"] or found["fault"]
    assert not canary.exists()


@pytest.mark.parametrize(
    "attack",
    [
        pytest.param(one, id=one.name, marks=pytest.mark.long if at else ())
        for at, one in enumerate(RUNNING)
    ],
)
def test_it_would_run_if_pickles_were_allowed(attack: Attack, tmp_path: Path, canary: Path) -> None:
    folder = made(attack, tmp_path, canary)
    with suppress(ArtifactError):
        trial.refuse_unservable(folder, allow_pickle=True)
    assert canary.exists()


@pytest.mark.parametrize("attack", RUNNING, ids=lambda attack: attack.name)
def test_registering_it_runs_nothing_and_says_why_it_is_not_opened(
    attack: Attack, tmp_path: Path, canary: Path
) -> None:
    folder = made(attack, tmp_path, canary)
    found = register.examine(folder, "mine", allow_pickle=False)
    assert not found.tried
    one_line(found.refused)
    assert not canary.exists()


@pytest.mark.parametrize(
    "attack",
    [a for a in ATTACKS if a.name.startswith(OUTSIDE)],
    ids=lambda attack: attack.name,
)
def test_a_path_out_of_the_folder_is_refused_though_pickles_are_allowed(
    attack: Attack, tmp_path: Path, canary: Path
) -> None:
    folder = made(attack, tmp_path, canary)
    with pytest.raises(ArtifactError) as caught:
        open_model(folder, "mlflow", allow_pickle=True)
    one_line(str(caught.value))
    with pytest.raises(ArtifactError):
        verify(folder, write_manifest(folder), allow_pickle=True)
    assert not canary.exists()


@pytest.mark.parametrize("name", ["late-pickle", "loader-spark", "code-inside", "xgboost-class"])
def test_a_release_refuses_it_when_it_is_fetched(name: str, tmp_path: Path, canary: Path) -> None:
    (attack,) = (each for each in ATTACKS if each.name == name)
    folder = made(attack, tmp_path, canary)
    digest = write_manifest(folder)
    with pytest.raises(ArtifactError) as caught:
        verify(folder, digest, allow_pickle=False)
    one_line(str(caught.value))
    verify(folder, digest, allow_pickle=True)

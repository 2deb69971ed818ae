"""A text classifier as MLflow loads it, by the name of the loader that its artifact carries."""

import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from components.bundle import verify, write_manifest
from components.bundle.mlmodel import LOADER_MODULE
from components.errors import ArtifactError
from components.registry import flavor
from tests.support.bundles import write_bundle

GOLDEN = Path(__file__).parent / "golden" / "text-classifier-2026-11-26"
"""The files of a version as main of 2026-11-26 (3a5904f) registered and downloaded it."""
GOLDEN_DIGEST = "b6d825c01bab14ca1db7a8624193eb75e59194ca77fe1517df1c679417f20315"
"""What that version's tag `sluice.manifest` says."""
ANSWERS = [("blue", 0.374817), ("green", 0.356209), ("red", 0.634466)]
"""What main answered to the texts below."""
TEXTS = ["w1 w2", "w9", "w150"]


def loader_of(folder: Path) -> str:
    described: dict[str, Any] = yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))
    name: str = described["flavors"]["python_function"]["loader_module"]
    return name


def answers_of(folder: Path) -> list[tuple[str, float]]:
    import mlflow

    got = mlflow.pyfunc.load_model(str(folder)).predict(pd.DataFrame({"text": TEXTS}))
    return list(zip(got["label"], got["probability"], strict=True))


def assert_equal(got: list[tuple[str, float]], expected: list[tuple[str, float]]) -> None:
    assert [label for label, _ in got] == [label for label, _ in expected]
    assert [p for _, p in got] == pytest.approx([p for _, p in expected], abs=1e-6)


def test_the_loader_s_name_is_the_pinned_one_and_can_be_imported() -> None:
    assert LOADER_MODULE == flavor.__name__ == "components.registry.flavor"
    assert import_module(LOADER_MODULE)._load_pyfunc


def test_a_new_artifact_names_the_pinned_loader_and_loads(tmp_path: Path) -> None:
    from mlflow.models import Model

    flavor.save(write_bundle(tmp_path / "bundle"), tmp_path / "model", Model())
    assert loader_of(tmp_path / "model") == LOADER_MODULE
    write_manifest(tmp_path / "model")
    assert_equal(answers_of(tmp_path / "model"), ANSWERS)


def test_a_version_registered_before_the_loader_moved_is_verified_and_loads() -> None:
    assert loader_of(GOLDEN) == "components.training.flavor"
    verify(GOLDEN, GOLDEN_DIGEST, allow_pickle=False)
    assert_equal(answers_of(GOLDEN), ANSWERS)


def test_naming_the_new_loader_in_an_old_artifact_would_break_its_manifest(tmp_path: Path) -> None:
    folder = shutil.copytree(GOLDEN, tmp_path / "edited")
    text = (folder / "MLmodel").read_text(encoding="utf-8")
    (folder / "MLmodel").write_text(text.replace("components.training.flavor", LOADER_MODULE))
    with pytest.raises(ArtifactError, match="MLmodel does not match its checksum"):
        verify(folder, GOLDEN_DIGEST, allow_pickle=False)

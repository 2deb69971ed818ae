"""As much of MLflow as a release needs."""

import hashlib
from pathlib import Path

import pytest

from components import bundle
from components.errors import InputError, Unreachable
from components.platform import ModelRegistry
from components.registry.names import MANIFEST_TAG
from tests.support.rigs import Rig

FILES = {"model.bin": bytes(range(256)), "data/deep.txt": b"deep"}


@pytest.fixture(scope="module")
def registry(rig: Rig) -> ModelRegistry:
    return rig.platform.registry


@pytest.fixture(scope="module")
def model(rig: Rig) -> str:
    """A model of two versions."""
    name = rig.name("model")
    assert [rig.register(name, FILES | {"version": n}) for n in (b"1", b"2")] == ["1", "2"]
    return name


@pytest.fixture
def run(rig: Rig, registry: ModelRegistry) -> str:
    return registry.create_run("contract", rig.name("run"), {})


def test_the_registry_has_an_address(registry: ModelRegistry) -> None:
    assert "://" in registry.url


def test_a_version_has_its_run_its_logged_model_and_its_manifest_s_digest(
    registry: ModelRegistry, model: str
) -> None:
    entries = [registry.version(model, version) for version in ("1", "2")]
    assert [(entry.model, entry.version) for entry in entries] == [(model, "1"), (model, "2")]
    assert all(entry.run_id for entry in entries)
    assert all(entry.model_id.startswith("m-") for entry in entries)
    assert len({entry.tags[MANIFEST_TAG] for entry in entries}) == 2


def test_unknown_models_and_versions_are_the_caller_s_mistake(
    registry: ModelRegistry, model: str, tmp_path: Path
) -> None:
    for name, version in ((model, "99"), ("nobody-s", "1")):
        with pytest.raises(InputError):
            registry.version(name, version)
        with pytest.raises(InputError):
            registry.set_alias(name, "contract", version)
        with pytest.raises(InputError):
            registry.tag_version(name, version, {"key": "value"})
        with pytest.raises(InputError):
            registry.download(name, version, tmp_path / "none")
    with pytest.raises(InputError):
        registry.alias("nobody-s", "champion")
    with pytest.raises(InputError):
        registry.delete_alias("nobody-s", "champion")
    assert registry.alias(model, "contract") is None


def test_an_alias_is_one_version_s_until_it_is_moved_or_taken_away(
    registry: ModelRegistry, model: str
) -> None:
    assert registry.alias(model, "moved") is None
    for version in ("1", "2", "2"):
        registry.set_alias(model, "moved", version)
        assert registry.alias(model, "moved") == version
    registry.set_alias(model, "other", "2")
    for _ in range(2):
        registry.delete_alias(model, "moved")
        assert registry.alias(model, "moved") is None
    assert registry.alias(model, "other") == "2"


def test_an_alias_that_somebody_has_moved_is_not_swapped(
    registry: ModelRegistry, model: str
) -> None:
    assert not registry.swap_alias(model, "swapped", "1", "2")
    assert registry.swap_alias(model, "swapped", None, "1")
    assert not registry.swap_alias(model, "swapped", None, "2")
    assert not registry.swap_alias(model, "swapped", "2", None)
    assert registry.alias(model, "swapped") == "1"
    assert registry.swap_alias(model, "swapped", "1", "2")
    assert registry.swap_alias(model, "swapped", "2", None)
    assert registry.swap_alias(model, "swapped", None, None)
    assert registry.alias(model, "swapped") is None


def test_tags_are_written_as_text_beside_those_that_are_there(
    registry: ModelRegistry, model: str
) -> None:
    before = dict(registry.version(model, "1").tags)
    registry.tag_version(model, "1", {"text": "Größe", "number": 0.5, "flag": True})
    registry.tag_version(model, "1", {"number": 2})
    written = {"text": "Größe", "number": "2", "flag": "True"}
    assert registry.version(model, "1").tags == {**before, **written}
    assert "number" not in registry.version(model, "2").tags


def test_downloaded_files_are_those_that_the_manifest_vouches_for(
    registry: ModelRegistry, model: str, tmp_path: Path
) -> None:
    for version in ("1", "2"):
        folder = tmp_path / version
        registry.download(model, version, folder)
        assert {name: (folder / name).read_bytes() for name in FILES} == FILES
        assert (folder / "version").read_text() == version
        bundle.verify(folder, registry.version(model, version).tags[MANIFEST_TAG], False)


def test_a_run_is_found_by_its_tag_in_its_experiment(registry: ModelRegistry, rig: Rig) -> None:
    value = rig.name("release")
    assert registry.find_run("contract", "sluice.release", value) is None
    run = registry.create_run("contract", value, {"sluice.release": value, "other": "1"})
    registry.create_run("contract", "another", {"sluice.release": rig.name("release")})
    assert registry.find_run("contract", "sluice.release", value) == run
    assert registry.find_run("contract", "other.tag", value) is None
    assert registry.find_run(rig.name("experiment"), "sluice.release", value) is None


def test_artifacts_are_read_as_they_were_written_last(registry: ModelRegistry, run: str) -> None:
    for path in ("decision.jsonl", "in/a folder/Größe.bin"):
        assert registry.artifact(run, path) is None
        for content in (b"first", bytes(range(256)) * 1000):
            registry.log_artifact(run, path, content)
            found = registry.artifact(run, path)
            assert found is not None
            assert hashlib.sha256(found).digest() == hashlib.sha256(content).digest()
    assert registry.artifact(run, "none") is None


def test_a_run_takes_metrics_and_ends(registry: ModelRegistry, model: str, run: str) -> None:
    registry.log_metrics(
        run, {"accuracy": 0.9, "p95_ms": 12.0}, registry.version(model, "1").model_id
    )
    registry.log_metrics(run, {"accuracy": 0.91})
    for _ in range(2):
        registry.end_run(run, "FINISHED")
    registry.end_run(run, "FAILED")


def test_unknown_runs_are_the_caller_s_mistake(registry: ModelRegistry) -> None:
    unknown = "0" * 31 + "f"
    with pytest.raises(InputError):
        registry.log_metrics(unknown, {"accuracy": 0.9})
    with pytest.raises(InputError):
        registry.end_run(unknown, "FINISHED")
    with pytest.raises(InputError):
        registry.log_artifact(unknown, "path", b"")
    with pytest.raises(InputError):
        registry.artifact(unknown, "path")


def test_a_registry_that_does_not_answer_is_unreachable(rig: Rig, tmp_path: Path) -> None:
    away = rig.registry_away()
    with pytest.raises(Unreachable):
        away.version("model", "1")
    with pytest.raises(Unreachable):
        away.set_alias("model", "champion", "1")
    with pytest.raises(Unreachable):
        away.download("model", "1", tmp_path)
    with pytest.raises(Unreachable):
        away.log_artifact("run", "path", b"")

"""Versions that have one number and are not the same: the whole road, with what serves beside."""

import json
from pathlib import Path
from typing import Any

import obstore
import pytest
import yaml

from components.errors import ArtifactError, InputError
from components.identity import Identity
from components.record import EvaluationSkipped, Opened, of
from components.registry import names
from tests.support.present import present
from tests.support.worlds import MODEL, NAME, Scene, quick, scores

OTHER = "tenants"


def serve_model(found: Scene, model: str) -> None:
    """The endpoint's file names another model from now on."""
    settings = {**yaml.safe_load(_file(found)), "model": model}
    obstore.put(found.world.store, f"endpoints/{NAME}.yaml", json.dumps(settings).encode())


def _file(found: Scene) -> bytes:
    return bytes(obstore.get(found.world.store, f"endpoints/{NAME}.yaml").bytes())


def register_again(found: Scene) -> Identity:
    """The model is deleted and made again: its numbers begin at 1, and version 1 is another one."""
    found.world.registry.delete_model(MODEL)
    found.world.register(MODEL, {"model.txt": b"registered anew"})
    digest = found.world.registry.version(MODEL, "1").tags[names.MANIFEST_TAG]
    return Identity(MODEL, "1", digest)


def served(found: Scene, name: str) -> Identity:
    return present(found.world.platform.serving.stored(NAME, name)).identity


def compared(found: Scene) -> Opened:
    """What the newest release says of who is released beside whom; nothing of it was skipped."""
    lines = found.record(found.ids[-1])
    assert of(lines, EvaluationSkipped) == []
    assert {line.kind for line in lines} >= {"evaluation", "poll", "verdict"}
    return of(lines, Opened)[0]


def test_a_version_of_another_model_takes_the_whole_road_beside_what_serves() -> None:
    found = quick()
    before = served(found, "1")
    found.world.register(OTHER)
    serve_model(found, OTHER)
    assert found.walk("1").outcome == "promoted"
    head = compared(found)
    assert (head.release_kind, head.champion) == ("canary", "1")
    assert head.candidate.startswith("1-")
    assert head.identity("1") == before
    assert head.identity(head.candidate).model == OTHER
    assert found.weights == {head.candidate: 100}
    assert served(found, head.candidate).model == OTHER
    registry = found.world.registry
    assert registry.alias(OTHER, names.CHAMPION) == "1"
    assert registry.version(OTHER, "1").tags[names.PREVIOUS_CHAMPION_TAG] == f"{MODEL} 1"
    # What serves by that name is the champion already, and the next number follows it.
    assert found.walk("1").outcome == "promoted"
    assert found.state(found.ids[-1]).kind == "unchanged"
    found.world.register(OTHER)
    assert found.walk("2").outcome == "promoted"
    assert compared(found).champion == head.candidate
    assert found.weights == {"2": 100}


def test_a_version_of_another_model_that_is_refused_leaves_what_serves() -> None:
    found = quick()
    before = served(found, "1")
    found.world.register(OTHER)
    serve_model(found, OTHER)
    found.passed = False
    assert found.walk("1").outcome == "rolled_back"
    assert found.weights == {"1": 100}
    assert found.world.serving.versions(NAME) == ["1"]
    assert served(found, "1") == before
    assert found.champion == "1"
    assert found.world.registry.alias(OTHER, names.CHAMPION) is None


@pytest.mark.parametrize("outcome", ["promoted", "rolled_back"])
def test_a_model_that_was_registered_anew_takes_the_whole_road(outcome: str) -> None:
    found = quick()
    before, new = served(found, "1"), register_again(found)
    found.world.behave(new.full_name, error_rate=0.0 if outcome == "promoted" else 0.5)
    assert found.walk("1").outcome == outcome
    head = compared(found)
    assert (head.candidate, head.champion) == (new.full_name, "1")
    assert head.versions == {"1": before, new.full_name: new}
    name = new.full_name if outcome == "promoted" else "1"
    assert found.weights == {name: 100}
    assert served(found, name) == (new if outcome == "promoted" else before)
    assert found.champion == ("1" if outcome == "promoted" else None)


def test_the_same_files_under_another_number_are_another_version() -> None:
    found = quick()
    files = found.world.registry.models[MODEL].files["1"]
    content = {name: body for name, body in files.items() if name != "MANIFEST.json"}
    number = found.world.register(MODEL, content)
    assert found.walk(number).outcome == "promoted"
    assert compared(found).release_kind == "canary"
    assert found.weights == {number: 100}


def test_what_serves_is_not_asked_of_a_registry_that_has_it_no_more() -> None:
    found = quick()
    found.world.store_version(MODEL, "1")
    found.world.registry.delete_version(MODEL, "1")
    assert found.walk("2").outcome == "promoted"
    assert compared(found).champion == "1"
    assert found.champion == "2"


def test_a_release_beside_what_the_registry_has_no_more_may_be_rolled_back() -> None:
    found = quick()
    found.world.registry.delete_version(MODEL, "1")
    found.world.behave("2", error_rate=0.5)
    assert found.walk("2").outcome == "rolled_back"
    assert found.weights == {"1": 100}
    assert found.champion is None
    found.world.register(MODEL)
    assert found.walk("3").outcome == "promoted"


def test_files_of_what_serves_that_are_nowhere_are_refused_with_what_to_do() -> None:
    found = quick()
    lose_files(found, "1")
    with pytest.raises(ArtifactError, match=r"evaluation\.regression\.unanswered: 1"):
        found.walk("2")
    assert found.state(found.ids[-1]).outcome == "error"
    settings = yaml.safe_load(_file(found))
    settings["evaluation"]["regression"] = {"unanswered": 1}
    found.world.apply(yaml.safe_dump(settings))
    seen: list[Path | None] = []

    def score(_endpoint: Any, _candidate: Path, champion: Path | None, _read: Any) -> Any:
        seen.append(champion)
        return scores()

    found.score = score
    assert found.walk("2").outcome == "promoted"
    assert seen == [None]
    assert "champion_not_compared" in found.events(found.ids[-1])


def lose_files(found: Scene, version: str) -> None:
    """Neither the store nor the registry has a version's files any more."""
    digest = found.world.registry.version(MODEL, version).tags[names.MANIFEST_TAG]
    for page in obstore.list(found.world.store, f"versions/{digest}"):
        for entry in page:
            obstore.delete(found.world.store, entry["path"])
    found.world.registry.delete_version(MODEL, version)


def test_a_model_registered_anew_during_its_release_is_not_marked() -> None:
    found = quick()
    version = found.world.registry.version(MODEL, "2")
    found.world.clock.after(30, lambda: _registered_anew(found))
    ended = found.walk("2")
    assert ended.outcome == "rolled_back"
    assert "is not the one of this release" in ended.reason
    assert found.weights == {"1": 100}
    entry = found.world.registry.version(MODEL, "2")
    assert entry.tags[names.MANIFEST_TAG] != version.tags[names.MANIFEST_TAG]
    assert set(entry.tags) == {names.MANIFEST_TAG}
    assert found.world.registry.models[MODEL].aliases == {}
    assert found.world.platform.records.pending() == []


def _registered_anew(found: Scene) -> None:
    found.world.registry.delete_model(MODEL)
    for _ in range(2):
        found.world.register(MODEL, {"model.txt": b"anew"})


def test_an_alias_that_names_a_deleted_version_names_nobody() -> None:
    found = quick()
    found.world.registry.models[MODEL].aliases[names.CHAMPION] = "9"
    assert found.walk("2").outcome == "promoted"
    assert compared(found).champion == "1"
    found.world.registry.models[MODEL].aliases[names.CANDIDATE] = "9"
    with pytest.raises(InputError, match="version demo 9 not found"):
        found.walk("")

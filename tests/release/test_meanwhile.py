"""What people change while a release is under way."""

from collections.abc import Callable
from typing import Any

import obstore
import pytest
import yaml

from components.errors import InputError
from components.record import Noted, WeightsSet, of
from components.registry import names
from components.release.wanted import wanted
from tests.support.endpoints import endpoint_settings
from tests.support.worlds import MODEL, NAME, QUICK, Scene, quick


def wished(found: Scene) -> Scene:
    """Version 2 is released because it has the alias."""
    found.world.registry.set_alias(MODEL, names.CANDIDATE, "2")
    return found


def details(found: Scene, event: str) -> list[str]:
    return [each.detail for each in of(found.record("r"), Noted) if each.event == event]


def test_a_candidate_whose_alias_is_taken_away_is_not_promoted() -> None:
    found = wished(quick(watch="10m"))
    found.world.clock.after(60.0, lambda: found.world.registry.delete_alias(MODEL, "candidate"))
    ended = found.walk("", "r")
    assert ended.outcome == "rolled_back"
    assert ended.reason == "version 2 is wanted no more: its alias candidate was taken away"
    assert found.world.clock.monotonic() < 300.0
    assert found.one_version("r") == "rolled_back"
    assert wanted(found.world.platform, NAME) is None


def test_what_the_registry_names_instead_is_released_next_and_once() -> None:
    found = wished(quick(watch="10m"))
    found.world.register(MODEL)
    found.world.clock.after(60.0, lambda: found.world.registry.set_alias(MODEL, "candidate", "3"))
    assert found.walk("", "r").outcome == "rolled_back"
    assert "its alias candidate is on version 3 now" in found.state("r").reason
    next_one = wanted(found.world.platform, NAME)
    assert next_one is not None
    assert next_one.version == "3"
    assert found.walk(next_one.version, next_one.release_id).outcome == "promoted"
    assert wanted(found.world.platform, NAME) is None


@pytest.mark.parametrize("given", [{"1": 90, "2": 10}, {"1": 50, "2": 50}])
def test_a_step_gives_nothing_to_who_is_wanted_no_more(given: dict[str, int]) -> None:
    """The alias goes as a step's split is asked for; its watch, or the next step, finds out."""
    found = wished(quick(steps=[10, 50, 100]))
    real = found.world.platform.traffic.set_weights
    asked: list[dict[str, int]] = []

    def set_weights(*args: Any, **kwargs: Any) -> None:
        real(*args, **kwargs)
        asked.append(found.weights)
        if found.weights == given:
            found.world.registry.delete_alias(MODEL, names.CANDIDATE)

    found.replace_traffic(set_weights)
    assert found.walk("", "r").outcome == "rolled_back"
    assert asked[asked.index(given) + 1] == {"1": 100}


def test_a_version_that_another_endpoint_has_done_with_is_not_withdrawn() -> None:
    """The end of a release takes the alias from its version, which two endpoints may release."""
    found = wished(quick())

    def ends_elsewhere() -> None:
        tags = {names.RELEASE_TAG: "rel-other-v2-1", names.OUTCOME_TAG: "promoted"}
        found.world.registry.tag_version(MODEL, "2", tags)
        found.world.registry.delete_alias(MODEL, names.CANDIDATE)

    found.world.clock.after(30.0, ends_elsewhere)
    assert found.walk("", "r").outcome == "promoted"


def test_a_registry_that_is_away_withdraws_nobody() -> None:
    found = wished(quick())
    found.world.clock.after(20.0, lambda: found.world.away("registry", for_s=60.0))
    assert found.walk("", "r").outcome == "promoted"


def test_an_alias_that_goes_as_the_promotion_is_marked_takes_it_back() -> None:
    found = wished(quick())
    real = found.world.platform.traffic.set_weights

    def set_weights(*args: Any, **kwargs: Any) -> None:
        real(*args, **kwargs)
        if found.weights == {"2": 100}:
            found.world.registry.delete_alias(MODEL, names.CANDIDATE)

    found.replace_traffic(set_weights)
    ended = found.walk("", "r")
    assert ended.outcome == "error"
    assert "wanted no more" in ended.reason
    assert found.one_version("r") == "error"


def edited(found: Scene, **release: Any) -> None:
    settings = endpoint_settings(NAME, model=MODEL, release=QUICK | release)
    found.world.apply(yaml.safe_dump(settings))


def test_an_edited_file_counts_from_the_next_release_and_is_told_once() -> None:
    found = quick(watch="5m")
    found.world.clock.after(60.0, lambda: edited(found, steps=[20, 40, 100], watch="2m"))
    assert found.walk("2", "r").outcome == "promoted"
    [said, *more] = details(found, "endpoint_changed")
    assert said.startswith("release.steps, release.watch: this release keeps the file")
    assert set(more) <= {said}
    assert found.state("r").endpoint.release.steps == (10, 100)
    found.world.register(MODEL)
    found.steps_of("3", "next", stages=2)
    assert found.state("next").endpoint.release.steps == (20, 40, 100)


def test_a_file_that_is_gone_costs_no_release() -> None:
    found = quick(watch="5m")
    found.world.clock.after(
        60.0, lambda: obstore.delete(found.world.store, f"endpoints/{NAME}.yaml")
    )
    assert found.walk("2", "r").outcome == "promoted"
    assert "its file is gone or wrong" in details(found, "endpoint_changed")[0]


def test_a_graph_with_more_stages_than_the_record_s_file_ends_on_the_champion() -> None:
    """The file was edited after the run was submitted, and before its first step read it."""
    found = quick(steps=[10, 50, 100])
    found.ids.append("r")
    with pytest.raises(InputError):
        found.steps_of("2", "r", stages=3)
    assert found.finalize("r").outcome == "error"
    assert found.one_version("r") == "error"


def tampered(found: Scene) -> None:
    """The version's number is another model's now: its manifest says so."""
    found.world.registry.tag_version(MODEL, "2", {names.MANIFEST_TAG: "f" * 64})


GONE: dict[str, tuple[Callable[[Scene], None], str]] = {
    "version": (lambda found: found.world.registry.delete_version(MODEL, "2"), "not found"),
    "model": (lambda found: found.world.registry.delete_model(MODEL), "not found"),
    "files": (tampered, "is not the one of this release"),
}


@pytest.mark.parametrize("what", GONE)
@pytest.mark.parametrize("scene", [quick, lambda **more: wished(quick(**more))])
def test_a_candidate_that_the_registry_has_no_more_is_not_promoted(
    scene: Callable[..., Scene], what: str
) -> None:
    found = scene(steps=[10, 50, 100], watch="10m")
    go, said = GONE[what]
    found.world.clock.after(60.0, lambda: go(found))
    ended = found.walk("2", "r")
    assert ended.outcome == "rolled_back"
    assert ended.reason.startswith("version 2 is wanted no more: ")
    assert said in ended.reason
    assert found.world.clock.monotonic() < 300.0
    assert all(line.weights != {"2": 100} for line in of(found.record("r"), WeightsSet))
    assert found.weights == {"1": 100}


def test_a_champion_whose_version_was_deleted_meanwhile_leaves_its_alias_to_the_next() -> None:
    found = quick()
    found.world.clock.after(30.0, lambda: found.world.registry.delete_version(MODEL, "1"))
    assert found.walk("2", "r").outcome == "promoted"
    assert found.one_version("r") == "promoted"

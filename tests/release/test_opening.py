"""Opening a release: who the champion is, the way to go, and verified files."""

import json

import pytest

from components.errors import ArtifactError, InputError, LeaseHeld, Unreachable
from components.platform import Lease, ModelVersion
from components.platform.patience import PATIENCE_S
from components.record import Fetched as FetchedLine
from components.record import Opened, of
from components.registry import names
from components.release import opening
from components.release.opening import champion_of, new_release_id
from components.release.results import Fetched
from tests.support.endpoints import endpoint_settings
from tests.support.present import present
from tests.support.worlds import MODEL, NAME, QUICK, Scene, begin, quick


def version(number: str, **tags: str) -> ModelVersion:
    return ModelVersion(model="m", version=number, run_id="r", model_id="", tags=tags)


@pytest.mark.parametrize(
    ("alias", "routed", "expected"),
    [
        (None, {}, (None, "first")),
        ("1", {}, ("1", "canary")),
        ("1", {"1": 100}, ("1", "canary")),
        ("2", {"2": 100}, ("2", "unchanged")),
        # Promoted on another endpoint of the same model: this one has never tested it.
        ("2", {}, (None, "first")),
        # The alias was moved by hand, or by another endpoint: users here get version 1.
        ("2", {"1": 100}, ("1", "canary")),
        ("3", {"2": 100}, ("2", "unchanged")),
        (None, {"1": 100}, ("1", "canary")),
        # A split that nobody watches any more.
        ("1", {"1": 90, "2": 10}, ("1", "canary")),
        ("3", {"1": 90, "2": 10}, ("1", "canary")),
    ],
)
def test_the_route_decides_who_the_champion_is(
    alias: str | None, routed: dict[str, int], expected: tuple[str | None, str]
) -> None:
    assert champion_of(version("2"), alias, routed) == expected


def test_a_version_that_was_released_before_says_so() -> None:
    again = version("2", **{"sluice.release": "earlier"})
    assert champion_of(again, "1", {"1": 100}) == ("1", "re-release")


def fetch(found: Scene, named: str = "2", release_id: str = "r") -> Fetched:
    with found.opened(release_id) as release:
        return opening.fetch(release, NAME, named)


def test_it_takes_the_lease_begins_the_record_and_stores_verified_files() -> None:
    found = quick()
    assert fetch(found) == Fetched(candidate="2", champion="1", kind="canary")
    lease = present(found.lease)
    assert (lease.release_id, lease.holder, lease.seconds) == ("r", "engine 1", 60)
    assert lease.restore == {"1": 100}
    (head,) = of(found.record("r"), Opened)
    assert (head.endpoint, head.model, head.candidate, head.champion) == (NAME, MODEL, "2", "1")
    assert head.settings == found.endpoint.model_dump(mode="json")
    run = found.world.registry.runs[head.run_id]
    assert (run.experiment, run.name, run.status) == (names.RELEASES_EXPERIMENT, "r", "RUNNING")
    assert run.tags == {
        names.RELEASE_TAG: "r",
        names.ENDPOINT_TAG: NAME,
        names.VERSION_TAG: "2",
    }
    state = found.state("r")
    for each in ("1", "2"):
        digest = found.world.registry.version(MODEL, each).tags[names.MANIFEST_TAG]
        assert state.stored(each) == found.world.platform.files.find(MODEL, each, digest)


def test_a_second_call_changes_nothing_but_the_lease() -> None:
    found = quick()
    first = fetch(found)
    lines, token = found.record("r"), present(found.lease).token
    assert fetch(found) == first
    assert found.record("r") == lines
    assert present(found.lease).token != token


def test_a_first_release_has_no_way_back_even_if_the_model_has_a_champion() -> None:
    found = begin()
    found.world.register(MODEL)
    found.world.registry.set_alias(MODEL, names.CHAMPION, "2")
    assert fetch(found, "1") == Fetched(candidate="1", champion="2", kind="canary")
    assert present(found.lease).restore == {}


def test_the_alias_candidate_decides_where_no_version_is_named() -> None:
    found = quick()
    with pytest.raises(InputError, match="no alias 'candidate': set it, or name a --version"):
        fetch(found, "")
    found.world.registry.set_alias(MODEL, names.CANDIDATE, "2")
    assert fetch(found, "").candidate == "2"


def test_what_is_refused_before_the_record_begins_leaves_nothing() -> None:
    found = quick()
    for endpoint, named, said in (
        ("nowhere", "2", "no endpoint 'nowhere'"),
        (NAME, "9", "model version demo 9 not found"),
    ):
        with pytest.raises(InputError, match=said), found.opened("r") as release:
            opening.fetch(release, endpoint, named)
        assert found.lease is None
        assert found.world.platform.records.releases() == []


def test_a_registry_that_is_away_leaves_nothing_either() -> None:
    found = quick()
    found.world.away("registry")
    with pytest.raises(Unreachable):
        fetch(found)
    assert found.lease is None
    assert found.record("r") == []


def test_a_run_that_an_earlier_try_made_is_used() -> None:
    found = quick()
    found.world.faults.fail("records.append", times=1)
    found.patience_s = 0
    with pytest.raises(Unreachable):
        fetch(found)
    fetch(found)
    runs = [run for run in found.world.registry.runs.values() if run.name == "r"]
    assert len(runs) == 1


def test_a_record_whose_beginning_was_not_answered_is_ended_though_nobody_holds_a_lease() -> None:
    found = quick()
    found.world.faults.fail("records.append", times=1, after=True)
    found.patience_s = 0
    with pytest.raises(Unreachable):
        fetch(found)
    assert found.lease is None
    assert found.record("r") != []
    assert any(line.startswith("r: had no lease: error") for line in found.recover(10))
    assert found.one_version("r") == "error"


def test_files_without_a_checksum_end_the_release() -> None:
    found = quick()
    found.world.registry.models[MODEL].versions["2"] = version("2")
    with pytest.raises(ArtifactError, match="register it with 'sluice register'"):
        fetch(found)
    assert found.state("r").outcome == "error"
    found.finalize("r")
    assert found.one_version("r") == "error"


def test_files_that_were_altered_end_the_release() -> None:
    found = quick()
    found.world.registry.models[MODEL].files["2"]["model.txt"] = b"another"
    with pytest.raises(ArtifactError):
        fetch(found)
    found.finalize("r")
    assert found.one_version("r") == "error"


def test_a_pickle_is_refused_unless_the_endpoint_allows_it() -> None:
    found = quick()
    described = (
        b"flavors: {python_function: {loader_module: mlflow.sklearn, model_path: model.pkl}}"
    )
    found.world.register(MODEL, {"MLmodel": described, "model.pkl": b"."})
    with pytest.raises(ArtifactError, match="allow_pickle"):
        fetch(found, "3")
    found.finalize("r")
    assert found.state("r").outcome == "error"


def narrow() -> Scene:
    """Version 3 has files of more than the 1 MiB of memory that the endpoint's file grants."""
    found = quick()
    grants = {"resources": {"memory": "1Mi"}}
    found.world.apply(json.dumps(endpoint_settings(NAME, serving=grants, release=QUICK)))
    assert found.world.register(MODEL, {"model.bin": bytes(2**20 + 1)}) == "3"
    return found


def test_a_model_that_is_larger_than_its_memory_is_refused_before_anything_is_made() -> None:
    found = narrow()
    with pytest.raises(
        InputError, match=r"demo version 3 has 1 MiB of files, and .* grants .* 1Mi"
    ):
        fetch(found, "3")
    assert "raise serving.resources.memory" in str(found.state("r").reason)
    assert found.world.serving.versions(NAME) == ["1"]
    found.finalize("r")
    assert found.one_version("r") == "error"
    assert found.failed() == 0


def test_one_that_serves_already_is_not_asked_whether_it_can() -> None:
    found = narrow()
    found.world.serving.create(found.endpoint, found.world.store_version(MODEL, "3"))
    assert fetch(found, "3").candidate == "3"


def test_files_that_are_stored_are_not_downloaded_again() -> None:
    found = quick()
    found.world.store_version(MODEL, "2")
    fetch(found)
    assert "registry.download" not in found.world.faults.calls


def test_a_fetch_that_was_interrupted_goes_on() -> None:
    found = quick()
    found.world.faults.fail("registry.download", for_s=PATIENCE_S + 1)
    with pytest.raises(Unreachable):
        fetch(found)
    found.world.faults.clear()
    assert found.state("r").files is None
    assert found.events("r") == ["step_failed"]
    fetch(found)
    assert [each.version for each in of(found.record("r"), FetchedLine)] == ["2"]
    assert found.walk("2", "r").outcome == "promoted"


def test_another_release_s_lease_is_respected_before_anything_is_read() -> None:
    found = quick()
    found.world.leases.swap(NAME, None, Lease(NAME, "other", "engine 9", 60.0, {"1": 100}))
    with pytest.raises(LeaseHeld, match=r"held by release other \(engine 9\)"):
        fetch(found)
    assert present(found.lease).release_id == "other"


def test_an_id_says_what_when_and_sorts_by_time() -> None:
    assert new_release_id("demo", "2", 1_795_000_000.25) == "demo-v2-20261118-110640-250"
    assert new_release_id("demo", "", 1_795_000_000.0) == "demo-vcandidate-20261118-110640-000"

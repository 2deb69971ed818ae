"""Two teams with an endpoint of one name share a store of records, and nothing else."""

from dataclasses import replace

import pytest

from components.errors import InputError
from components.record import Opened, of
from components.release.reaper import Reaper
from components.release.wanted import next_id, wanted
from tests.support.worlds import MODEL, NAME, Scene, begin, quick


@pytest.fixture
def teams() -> tuple[Scene, Scene]:
    one, other = quick(), quick()
    records = one.world.platform.records
    one.world.platform = replace(one.world.platform, place="one")
    other.world.platform = replace(other.world.platform, place="other", records=records)
    return one, other


def test_neither_ends_or_waits_for_what_the_other_has_under_way(
    teams: tuple[Scene, Scene],
) -> None:
    one, other = teams
    other.world.registry.set_alias(MODEL, "candidate", "2")
    said: list[str] = []

    def look() -> None:
        said.extend(Reaper(other.world.platform).run())
        found = wanted(other.world.platform, NAME)
        assert found is not None
        assert found.release_id == f"rel-{NAME}-v2-2"

    one.world.clock.after(40.0, look)
    assert one.walk("2", f"rel-{NAME}-v2-1").outcome == "promoted"
    assert said == []
    assert one.one_version(f"rel-{NAME}-v2-1") == "promoted"


def test_a_record_says_whose_it_is_and_nobody_else_goes_on_with_it(
    teams: tuple[Scene, Scene],
) -> None:
    one, other = teams
    one.walk("2", "r")
    assert of(one.record("r"), Opened)[0].place == "one"
    with pytest.raises(InputError, match="release r is team one's"):
        other.walk("2", "r")
    assert other.weights == {"1": 100}
    assert other.lease is None


def test_both_have_numbers_of_their_own(teams: tuple[Scene, Scene]) -> None:
    one, other = teams
    one.walk("2", next_id(one.world.platform.records.releases(), NAME, "2"))
    ids = other.world.platform.records.releases()
    assert next_id(ids, NAME, "2") == f"rel-{NAME}-v2-2"


def test_an_endpoint_whose_path_is_another_team_s_is_refused_before_anything_is_made() -> None:
    found = begin()
    found.world.proxies.unfit[NAME] = "HTTPRoute other/fraud has these paths at the same host"
    found.world.registry.set_alias(MODEL, "candidate", "1")
    with pytest.raises(InputError, match="other/fraud has these paths"):
        found.walk("1", "r")
    assert found.one_version("r") == "error"
    assert found.state("r").reason == found.world.proxies.unfit[NAME]
    assert [line.kind for line in found.record("r")] == ["release", "end"]

"""What `sluice status` warns of though all looks well."""

import obstore
import pytest

from cluster.api import Missing
from cluster.health import Server, Status, warnings
from components import bundle
from components.errors import Unreachable
from tests.support.worlds import MODEL, NAME, Scene, quick


def tidied_up(found: Scene, version: str) -> None:
    digest = found.world.store_version(MODEL, version).digest
    for each in obstore.list(found.world.store, f"versions/{digest}").collect():
        obstore.delete(found.world.store, each["path"])


def test_a_version_whose_files_are_gone_can_start_no_further_pod() -> None:
    found = quick()
    assert warnings(found.world.platform) == []
    tidied_up(found, "1")
    [said] = warnings(found.world.platform)
    assert said.startswith(f"{NAME} version 1: its files are gone from the store")
    assert f"'sluice release {NAME} --version 1'" in said
    assert not Status("demo", [], [Server("mlflow", "ok")], [said]).healthy


def test_what_is_told_to_do_mends_it() -> None:
    found = quick()
    tidied_up(found, "1")
    assert found.walk("1", "r").outcome == "promoted"
    assert warnings(found.world.platform) == []


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "its file {} is gone from the store"), (b"", "its file {} has 0 bytes of ")],
    ids=["gone", "short"],
)
def test_one_file_that_is_gone_or_short_is_told_as_all_are_and_mended(
    content: bytes | None, why: str
) -> None:
    """A rule by age removes the others before the manifest, which is written last."""
    found = quick()
    folder = f"versions/{found.world.store_version(MODEL, '1').digest}/"
    paths = [each["path"] for each in obstore.list(found.world.store, folder).collect()]
    path = next(each for each in paths if not each.endswith(bundle.MANIFEST))
    whole = bytes(obstore.get(found.world.store, path).bytes())
    if content is None:
        obstore.delete(found.world.store, path)
    else:
        obstore.put(found.world.store, path, content)
    [said] = warnings(found.world.platform)
    assert said.startswith(f"{NAME} version 1: {why.format(path.removeprefix(folder))}")
    assert f"'sluice release {NAME} --version 1'" in said
    assert found.walk("1", "r").outcome == "promoted"
    assert bytes(obstore.get(found.world.store, path).bytes()) == whole
    assert warnings(found.world.platform) == []


def test_nothing_of_what_serves_is_tidied_up_by_a_release() -> None:
    found = quick()
    found.walk("2", "r")
    assert warnings(found.world.platform) == []


def test_a_store_that_is_away_is_no_lost_file() -> None:
    found = quick()
    found.world.away("files")
    with pytest.raises(Unreachable):
        warnings(found.world.platform)


def test_a_version_that_nobody_scales_any_more_is_told_until_its_next_release() -> None:
    found = quick()
    found.world.scaling.lose(NAME, "1")
    [said] = warnings(found.world.platform)
    assert said == (
        f"{NAME} version 1: its autoscaler is gone, so it keeps the predictors that it has (1):"
        f" the next release of {NAME} makes it anew"
    )
    assert found.walk("1", "r").outcome == "promoted"
    assert warnings(found.world.platform) == []


def test_where_the_kinds_of_autoscalers_have_gone_all_else_is_told_all_the_same() -> None:
    found = quick()
    tidied_up(found, "1")
    found.world.faults.fail("scaling.replicas", error=Missing, said="of no kind that is installed")
    files, scalers = warnings(found.world.platform)
    assert "its files are gone" in files
    assert scalers == (
        f"{NAME}: what scales its versions cannot be read: of no kind that is installed"
    )

"""Which endpoint an operator means, whatever became of its file."""

from pathlib import Path

import pytest

from cli import _endpoint
from components.platform import Lease
from components.platform.memory import World
from tests.support.endpoints import endpoint_file

BROKEN = "name: shop\nrelease: [\n"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A release of the endpoint `shop` is under way."""
    monkeypatch.chdir(tmp_path)
    Path("endpoints").mkdir()
    found = World()
    found.leases.swap("shop", None, Lease("shop", "r", "engine", 60.0, {"1": 100}))
    return found


def test_its_name_needs_no_file(world: World) -> None:
    assert _endpoint.under_way(world.platform, "shop") == "shop"


@pytest.mark.parametrize("text", [BROKEN, "", "{", "name: other\n", "\x00", "name: ../etc\n"])
def test_its_name_needs_no_file_that_can_be_read(world: World, text: str) -> None:
    Path("endpoints", "shop.yaml").write_text(text)
    assert _endpoint.under_way(world.platform, "shop") == "shop"
    assert _endpoint.under_way(world.platform, "endpoints/shop.yaml") == "shop"


def test_a_path_means_what_stands_in_the_file(world: World) -> None:
    world.leases.swap("moved", None, Lease("moved", "r2", "engine", 60.0, {"1": 100}))
    whole = endpoint_file(Path(), "shop").rename("moved.yaml")
    assert _endpoint.under_way(world.platform, str(whole)) == "shop"
    whole.write_text(BROKEN)
    assert _endpoint.under_way(world.platform, str(whole)) == "shop"
    whole.unlink()
    assert _endpoint.under_way(world.platform, "old/shop.yaml") == "shop"


def test_what_no_release_is_of_keeps_its_name(world: World) -> None:
    assert _endpoint.under_way(world.platform, "none") == "none"
    assert _endpoint.under_way(world.platform, "none.yaml") == "none"

from pathlib import Path

import pytest

from cluster.embedded.home import Home, cache, find_home
from components.errors import InputError


def test_two_folders_are_two_clusters() -> None:
    names = {Home(Path(folder)).node for folder in ("/a", "/b", "/a")}
    assert len(names) == 2


def test_the_folder_is_the_one_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICE_CLUSTER_HOME", str(tmp_path / "mine"))
    assert find_home().path == tmp_path / "mine"


def test_a_path_that_no_configuration_can_hold_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICE_CLUSTER_HOME", str(tmp_path / 'a "b"'))
    with pytest.raises(InputError, match="SLUICE_CLUSTER_HOME"):
        find_home()


def test_what_is_built_lies_in_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache() == tmp_path / "sluice" / "cluster"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache() == tmp_path / ".cache" / "sluice" / "cluster"

from pathlib import Path

import pytest

from cluster.embedded import build
from cluster.embedded.families import ETCD, PAUSE
from components.errors import PlatformError


def test_what_is_built_is_found_by_its_key(tmp_path: Path) -> None:
    folder = tmp_path / f"{ETCD.name}-{ETCD.key}"
    assert build.built(ETCD, tmp_path) is None
    folder.mkdir()
    assert build.built(ETCD, tmp_path) == build.build(ETCD, tmp_path) == folder


def test_without_go_the_family_and_the_mend_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PlatformError, match="etcd cannot be built: install Go"):
        build.build(ETCD, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["etcd.lock"]


@pytest.mark.cluster
def test_a_family_is_built_whole_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = build.build(PAUSE, tmp_path)
    assert [path.name for path in folder.iterdir()] == ["pause"]
    monkeypatch.setenv("PATH", "")
    assert build.build(PAUSE, tmp_path) == folder

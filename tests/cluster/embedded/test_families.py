import shutil
from pathlib import Path

import pytest

from cluster.embedded import families
from cluster.embedded.families import KUBERNETES_VERSION, MODULES, Family, key_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MODULES / "etcd", tmp_path / "etcd"))


@pytest.mark.parametrize("file", ["go.mod", "go.sum", "main.go", "added/new.go"])
def test_a_change_of_any_file_is_another_key(folder: Path, file: str) -> None:
    before = key_of(folder)
    path = folder / file
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as changed:
        changed.write("\n")
    assert key_of(folder) != before


def test_a_file_that_moves_is_another_key(folder: Path) -> None:
    before = key_of(folder)
    (folder / "main.go").rename(folder / "other.go")
    assert key_of(folder) != before


def test_every_folder_of_modules_is_whole_and_has_a_family() -> None:
    known = [each for each in vars(families).values() if isinstance(each, Family)]
    assert {path.name for path in MODULES.iterdir()} == {family.name for family in known}
    for family in known:
        assert (family.folder / "go.mod").exists()
        assert (family.folder / "go.sum").exists()


def test_kubernetes_says_the_version_that_it_is() -> None:
    assert (
        f"k8s.io/kubernetes {KUBERNETES_VERSION}\n" in (MODULES / "kubernetes/go.mod").read_text()
    )


def test_other_flags_are_another_key(folder: Path) -> None:
    assert key_of(folder) != key_of(folder, ("-race",))

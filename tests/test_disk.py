"""A name that people chose is a file's name, and never a way out of the file's folder."""

from pathlib import Path

import pytest

from components.disk import file_name, name_in

NAMES = ["", ".", "..", "...", "..a", "a/../b", "/", "%", "+", "Größe 名前", "a\n", "x" * 300]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_any_name_lies_in_its_folder(name: str, tmp_path: Path) -> None:
    found = tmp_path / file_name(name)
    assert found.parent == tmp_path
    assert found.resolve().parent == tmp_path.resolve()
    found.touch()
    assert [each.name for each in tmp_path.iterdir()] == [file_name(name)]


def test_each_name_has_a_file_of_its_own() -> None:
    assert len({file_name(name) for name in NAMES}) == len(NAMES)


@pytest.mark.parametrize("name", [each for each in NAMES if each and len(each) < 100])
def test_the_name_is_read_back(name: str) -> None:
    assert name_in(file_name(name)) == name

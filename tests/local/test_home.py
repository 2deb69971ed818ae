"""Which folders can be a platform's."""

from pathlib import Path

import pytest

from components.errors import InputError
from local.home import Home, find_home


@pytest.mark.parametrize("name", ["with a space", "größe 名前", "a.b_c-d+e@f~g", "x" * 200])
def test_a_folder_of_such_a_name_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path / name))
    assert find_home() == Home(tmp_path / name)


@pytest.mark.parametrize(
    "name", [*"""%;,'"`:$*?[]{}()<>|&!#=\\^\n\t\x7f""", " led", "trailed ", "two  spaces", "\udcff"]
)
def test_another_is_refused_at_once_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(
        "SLUICE_HOME", f"{tmp_path}/a{name}b" if len(name) == 1 else f"{tmp_path}/{name}"
    )
    with pytest.raises(InputError, match="set SLUICE_HOME to another one") as caught:
        find_home()
    assert str(caught.value).isprintable()


def test_a_deep_home_has_one_folder_of_sockets_whatever_tmpdir_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = Home(tmp_path / ("x" * 120))
    before = deep.run
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    assert deep.run == before

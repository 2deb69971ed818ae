"""Files that look like code are named to whoever registers them."""

import pickle
import zipfile
from pathlib import Path
from random import Random

import numpy as np
import pytest

from components.bundle.hint import executable_kind
from components.errors import ArtifactError


class Calls:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("run",))


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_a_pickle_under_another_name(tmp_path: Path, protocol: int) -> None:
    (tmp_path / "weights.bin").write_bytes(pickle.dumps(Calls(), protocol=protocol))
    assert executable_kind(tmp_path / "weights.bin") == "is a pickle"


def test_a_text_pickle_that_is_cut_off(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(pickle.dumps(Calls(), protocol=0)[:-1] + b"\xff")
    assert executable_kind(tmp_path / "weights.bin") == "is a pickle"


def test_a_pickle_inside_an_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as archive:
        archive.writestr("archive/data", pickle.dumps(Calls()))
    said = executable_kind(tmp_path / "model.zip")
    assert said == "contains archive/data, which is a pickle"


def test_an_array_of_objects_and_none_of_numbers(tmp_path: Path) -> None:
    np.save(tmp_path / "numbers.npy", np.arange(3))
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    assert executable_kind(tmp_path / "numbers.npy") is None
    assert executable_kind(tmp_path / "objects.npy") == "is an array of pickled objects"


def test_program_code(tmp_path: Path) -> None:
    (tmp_path / "loader.py").write_text("print('run')\n")
    assert executable_kind(tmp_path / "loader.py") == "is program code"


@pytest.mark.parametrize(
    "text",
    ["category: wrong\n", "# Title\n\ncommon words (and marks) 1.\n", "I1\n.", "0.5\n", "", "(."],
)
def test_ordinary_text_is_no_pickle(tmp_path: Path, text: str) -> None:
    (tmp_path / "notes.txt").write_text(text)
    assert executable_kind(tmp_path / "notes.txt") is None


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_that_is_broken_anywhere_is_one_line(tmp_path: Path, method: int) -> None:
    path = tmp_path / "model.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("weights", Random(1).randbytes(2000) * 3)  # noqa: S311 (no secret)
    whole = path.read_bytes()
    said = []
    for place in range(30, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            executable_kind(path)
        except ArtifactError as error:
            said.append(str(error))
    assert len(said) > 10
    assert all("cannot be read" in each and "\n" not in each for each in said)

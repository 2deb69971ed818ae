import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from components.bundle import verify, write_manifest
from components.errors import ArtifactError


class Calls:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("run",))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "MLmodel").write_text("flavors: {}\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "model.onnx").write_bytes(b"\x08\x08weights")
    return tmp_path


def test_an_untouched_bundle_passes(folder: Path) -> None:
    verify(folder, write_manifest(folder), allow_pickle=False)


def test_writing_the_manifest_twice_gives_the_same_digest(folder: Path) -> None:
    assert write_manifest(folder) == write_manifest(folder)


def test_one_flipped_byte_fails(folder: Path) -> None:
    digest = write_manifest(folder)
    (folder / "sub" / "model.onnx").write_bytes(b"\x08\x08weightS")
    with pytest.raises(ArtifactError, match=r"sub/model\.onnx does not match its checksum"):
        verify(folder, digest, allow_pickle=False)


def test_a_missing_file_fails(folder: Path) -> None:
    digest = write_manifest(folder)
    (folder / "MLmodel").unlink()
    with pytest.raises(ArtifactError, match="MLmodel is missing"):
        verify(folder, digest, allow_pickle=False)


def test_an_added_file_fails(folder: Path) -> None:
    digest = write_manifest(folder)
    (folder / "sub" / "new.json").write_text("{}")
    with pytest.raises(ArtifactError, match=r"sub/new\.json is not in MANIFEST"):
        verify(folder, digest, allow_pickle=False)


def test_a_manifest_made_anew_over_altered_files_fails(folder: Path) -> None:
    digest = write_manifest(folder)
    (folder / "MLmodel").write_text("flavors: {evil: {}}\n")
    write_manifest(folder)
    with pytest.raises(ArtifactError, match="not the one registered"):
        verify(folder, digest, allow_pickle=False)


def test_a_folder_without_a_manifest_fails(folder: Path) -> None:
    with pytest.raises(ArtifactError, match="sluice register MODEL_DIR --model NAME"):
        verify(folder, None, allow_pickle=False)


def test_a_symbolic_link_fails_even_when_its_target_is_right(folder: Path) -> None:
    digest = write_manifest(folder)
    (folder / "MLmodel").rename(folder.parent / "elsewhere")
    (folder / "MLmodel").symlink_to(folder.parent / "elsewhere")
    with pytest.raises(ArtifactError, match="symbolic link"):
        verify(folder, digest, allow_pickle=False)


@pytest.mark.parametrize("name", ["../escape", "/etc/passwd", "sub/../MLmodel", "sub//model.onnx"])
def test_a_manifest_that_leaves_the_folder_fails(folder: Path, name: str) -> None:
    entry = {"sha256": "0" * 64, "bytes": 1}
    (folder / "MANIFEST.json").write_text(json.dumps({"schema": 1, "files": {name: entry}}))
    with pytest.raises(ArtifactError, match="no path inside the bundle"):
        verify(folder, None, allow_pickle=False)


@pytest.mark.parametrize("text", ["{}", "[]", "no json", '{"schema": 2, "files": {}}'])
def test_a_malformed_manifest_fails_in_one_line(folder: Path, text: str) -> None:
    (folder / "MANIFEST.json").write_text(text)
    with pytest.raises(ArtifactError) as caught:
        verify(folder, None, allow_pickle=False)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_a_pickle_under_another_name_is_refused_unless_allowed(folder: Path, protocol: int) -> None:
    (folder / "weights.bin").write_bytes(pickle.dumps(Calls(), protocol=protocol))
    digest = write_manifest(folder)
    with pytest.raises(ArtifactError, match=r"set serving\.allow_pickle: true"):
        verify(folder, digest, allow_pickle=False)
    verify(folder, digest, allow_pickle=True)


def test_a_text_pickle_that_is_cut_off_is_refused(folder: Path) -> None:
    (folder / "weights.bin").write_bytes(pickle.dumps(Calls(), protocol=0)[:-1] + b"\xff")
    digest = write_manifest(folder)
    with pytest.raises(ArtifactError, match="is a pickle"):
        verify(folder, digest, allow_pickle=False)


def test_a_pickle_inside_an_archive_is_refused(folder: Path) -> None:
    with zipfile.ZipFile(folder / "model.zip", "w") as archive:
        archive.writestr("archive/data", pickle.dumps(Calls()))
    digest = write_manifest(folder)
    with pytest.raises(ArtifactError, match=r"contains archive/data, which is a pickle"):
        verify(folder, digest, allow_pickle=False)


def test_an_array_of_objects_is_refused_and_one_of_numbers_is_not(folder: Path) -> None:
    np.save(folder / "numbers.npy", np.arange(3))
    verify(folder, write_manifest(folder), allow_pickle=False)
    np.save(folder / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ArtifactError, match="array of pickled objects"):
        verify(folder, write_manifest(folder), allow_pickle=False)


def test_program_code_is_refused(folder: Path) -> None:
    (folder / "sub" / "loader.py").write_text("print('run')\n")
    with pytest.raises(ArtifactError, match="is program code"):
        verify(folder, write_manifest(folder), allow_pickle=False)


@pytest.mark.parametrize(
    "text",
    ["category: wrong\n", "# Title\n\ncommon words (and marks) 1.\n", "I1\n.", "0.5\n", "", "(."],
)
def test_ordinary_text_is_no_pickle(folder: Path, text: str) -> None:
    (folder / "notes.txt").write_text(text)
    verify(folder, write_manifest(folder), allow_pickle=False)

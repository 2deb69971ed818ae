import json
from pathlib import Path

import pytest

from components.bundle import verify, write_manifest
from components.errors import ArtifactError


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


@pytest.mark.parametrize("name", ["a\x1b[31m.bin", "a\nb", "sub/\u202ea", "\udcff", "\x7f"])
def test_a_name_that_cannot_be_printed_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"")
    with pytest.raises(ArtifactError, match="cannot be printed: rename") as caught:
        write_manifest(folder)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["Käse 1.bin", "模型.onnx", "a b.txt"])
def test_a_name_of_letters_and_spaces_is_not(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"")
    verify(folder, write_manifest(folder), allow_pickle=False)

import json
import tarfile
from hashlib import sha256
from pathlib import Path

import pytest

from cluster.embedded import layout
from components.errors import PlatformError


def put(folder: Path, content: bytes) -> str:
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    (blobs / sha256(content).hexdigest()).write_bytes(content)
    return f"sha256:{sha256(content).hexdigest()}"


def add(folder: Path, name: str, *layers: bytes) -> str:
    """An image as a builder adds it to a layout; its manifest's digest."""
    manifest = {
        "config": {"digest": put(folder, f"of {name}".encode())},
        "layers": [{"digest": put(folder, each)} for each in layers],
    }
    digest = put(folder, json.dumps(manifest).encode())
    path = folder / "index.json"
    found = json.loads(path.read_text()) if path.exists() else {"manifests": []}
    annotations = {"org.opencontainers.image.ref.name": name}
    found["manifests"].append({"digest": digest, "annotations": annotations})
    path.write_text(json.dumps(found))
    return digest


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Two images that have one of their layers in common."""
    add(tmp_path, "a:1", b"common", b"first")
    add(tmp_path, "a:2", b"common", b"second!")
    return tmp_path


def packed(folder: Path, name: str, present: set[str], to: Path) -> set[bytes]:
    layout.write(folder, name, present, to)
    with tarfile.open(to) as archive:
        files = [archive.extractfile(each) for each in archive.getnames()]
        return {file.read() for file in files if file}


def test_an_image_is_found_by_its_name(two: Path) -> None:
    assert layout.find(two, "a:1") != layout.find(two, "a:2")
    assert layout.find(two, "b:1") is None
    assert layout.find(two / "none", "a:1") is None
    assert layout.size(two, "a:2") - layout.size(two, "a:1") == len("second!") - len("first")


def test_an_image_that_is_not_built_is_told_with_the_mend(two: Path) -> None:
    with pytest.raises(PlatformError, match="b:1 is not built: run 'sluice cluster up'"):
        layout.size(two, "b:1")


def test_what_is_there_already_is_not_handed_over_again(two: Path) -> None:
    common = put(two, b"common")
    whole = packed(two, "a:2", set(), two / "whole.tar")
    assert {b"common", b"second!", b"of a:2"} <= whole
    part = packed(two, "a:2", {common}, two / "part.tar")
    assert whole - part == {b"common"}


def test_old_images_go_and_what_others_need_of_them_stays(two: Path) -> None:
    add(two, "b:1", b"common", b"other")
    layout.forget(two, "a", kept=1)
    assert layout.find(two, "a:1") is None
    assert {b"common", b"second!"} <= packed(two, "a:2", set(), two / "2.tar")
    assert {b"common", b"other"} <= packed(two, "b:1", set(), two / "b.tar")
    left = {path.read_bytes() for path in (two / "blobs" / "sha256").iterdir()}
    assert b"first" not in left

import io
import json
import tarfile
from hashlib import sha256
from pathlib import Path

import pytest

from cluster.embedded import layout
from components.errors import PlatformError


def digest_of(content: bytes) -> str:
    return sha256(content).hexdigest()


def add(folder: Path, name: str, *layers: bytes) -> None:
    """Add an image from an archive as a builder writes it for Docker."""
    config = json.dumps({"config": {"Labels": {"of": name}}}).encode()
    files = {f"{digest_of(config)}.json": config}
    files |= {f"{digest_of(each)}.tar": each for each in layers}
    listed = {"Config": f"{digest_of(config)}.json", "Layers": list(files)[1:]}
    files["manifest.json"] = json.dumps([listed]).encode()
    path = folder / "given.tar"
    with tarfile.open(path, "w") as archive:
        for file, content in files.items():
            entry = tarfile.TarInfo(file)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    layout.add(folder, name, path)


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
    assert layout.labels(two, "a:1") == {"of": "a:1"}
    assert layout.size(two, "a:2") - layout.size(two, "a:1") == len("second!") - len("first")


def test_an_image_that_is_built_again_is_there_once(two: Path) -> None:
    add(two, "a:1", b"common", b"mended")
    assert b"mended" in packed(two, "a:1", set(), two / "1.tar")
    assert [
        each["annotations"] for each in json.loads((two / "index.json").read_text())["manifests"]
    ] == [{"io.containerd.image.name": name} for name in ("a:2", "a:1")]


def test_an_image_that_is_not_built_is_told_with_the_mend(two: Path) -> None:
    with pytest.raises(PlatformError, match="b:1 is not built: run 'sluice cluster up'"):
        layout.size(two, "b:1")


def test_what_is_there_already_is_not_handed_over_again(two: Path) -> None:
    common = f"sha256:{digest_of(b'common')}"
    whole = packed(two, "a:2", set(), two / "whole.tar")
    assert {b"common", b"second!", b'{"config": {"Labels": {"of": "a:2"}}}'} <= whole
    part = packed(two, "a:2", {common}, two / "part.tar")
    assert whole - part == {b"common"}


def test_old_images_go_and_what_others_need_of_them_stays(two: Path) -> None:
    add(two, "b:1", b"common", b"other")
    assert layout.forget(two, "a:", kept=1) == ["a:1"]
    assert layout.find(two, "a:1") is None
    assert {b"common", b"second!"} <= packed(two, "a:2", set(), two / "2.tar")
    assert {b"common", b"other"} <= packed(two, "b:1", set(), two / "b.tar")
    left = {path.read_bytes() for path in (two / "blobs" / "sha256").iterdir()}
    assert b"first" not in left

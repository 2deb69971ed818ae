"""Images of ours as one OCI layout on the disk: what two of them have in common is there once.

A change of our own code changes one small layer, so of an image that a node has nearly all of,
only that layer is handed over.
"""

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Container, Iterator
from pathlib import Path
from typing import IO, Any

from cluster.embedded.archive import CONFIG, INDEX, LAYER, MANIFEST
from components.disk import replace_json
from components.errors import PlatformError

_NAME = "io.containerd.image.name"
"""How containerd calls an image in a layout."""


def find(layout: Path, name: str) -> dict[str, Any] | None:
    """The descriptor of the image, or None when the layout has no such image."""
    return next((each for each in _index(layout) if _called(each) == name), None)


def size(layout: Path, name: str) -> int:
    """The bytes of an image that is there."""
    return sum(_blob(layout, digest).stat().st_size for digest in _digests(layout, name))


def labels(layout: Path, name: str) -> dict[str, str]:
    """The labels of an image that is there."""
    manifest = json.loads(_blob(layout, _get(layout, name)["digest"]).read_text(encoding="utf-8"))
    found = json.loads(_blob(layout, manifest["config"]["digest"]).read_text(encoding="utf-8"))
    return dict(found["config"]["Labels"])


def add(layout: Path, name: str, archive: Path) -> None:
    """Add an image from the archive that builders write for Docker, which has layers as they are.

    Its files are named after their content, so those that the layout has are not written again.
    """
    with tarfile.open(archive) as given:
        (listed,) = json.loads(_content(given, "manifest.json"))
        config = _put(layout, _content(given, listed["Config"]))
        layers = []
        for file in listed["Layers"]:
            blob = _blob(layout, f"sha256:{file.removesuffix('.tar')}")
            if not blob.exists():
                _copy(given, file, blob)
            layers.append(_descriptor(LAYER, blob))
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _descriptor(CONFIG, config),
        "layers": layers,
    }
    found = _descriptor(MANIFEST, _put(layout, json.dumps(manifest).encode()))
    others = [each for each in _index(layout) if _called(each) != name]
    _save(layout, [*others, found | {"annotations": {_NAME: name}}])


def write(layout: Path, name: str, present: Container[str], to: Path) -> None:
    """Write an archive of the image, less the blobs that are ``present`` where it goes."""
    found = _get(layout, name)
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [found]}
    with tarfile.open(to, "w") as archive:
        for digest in _digests(layout, name):
            # The manifest tells whoever imports it what else there is.
            if digest not in present or digest == found["digest"]:
                blob = _blob(layout, digest)
                archive.add(blob, blob.relative_to(layout).as_posix())
        for file, said in (("index.json", index), ("oci-layout", {"imageLayoutVersion": "1.0.0"})):
            text = json.dumps(said).encode()
            entry = tarfile.TarInfo(file)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))


def forget(layout: Path, prefix: str, kept: int) -> list[str]:
    """Drop all but the newest ``kept`` images whose names begin so, and blobs of no image.

    Returns:
        The names of those that it dropped.
    """
    listed = _index(layout)
    old = [each for each in listed if _called(each).startswith(prefix)][:-kept]
    left = [each for each in listed if each not in old]
    _save(layout, left)
    wanted = {digest for each in left for digest in _digests(layout, _called(each))}
    for blob in _blobs(layout).iterdir():
        if f"sha256:{blob.name}" not in wanted:
            blob.unlink()
    return list(map(_called, old))


def _content(archive: tarfile.TarFile, name: str) -> bytes:
    with _opened(archive, name) as file:
        return file.read()


def _opened(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    file = archive.extractfile(name)
    if file is None:
        raise PlatformError(f"the archive of an image has a folder in the place of {name}")
    return file


def _copy(archive: tarfile.TarFile, name: str, blob: Path) -> None:
    beside = blob.with_name(f".{blob.name}")
    with _opened(archive, name) as file, beside.open("wb") as written:
        shutil.copyfileobj(file, written, 2**20)
    beside.rename(blob)


def _put(layout: Path, content: bytes) -> Path:
    blob = _blob(layout, f"sha256:{hashlib.sha256(content).hexdigest()}")
    blob.parent.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(content)
    return blob


def _descriptor(kind: str, blob: Path) -> dict[str, Any]:
    return {"mediaType": kind, "digest": f"sha256:{blob.name}", "size": blob.stat().st_size}


def _save(layout: Path, images: list[dict[str, Any]]) -> None:
    replace_json(layout / "index.json", {"schemaVersion": 2, "manifests": images})


def _get(layout: Path, name: str) -> dict[str, Any]:
    if found := find(layout, name):
        return found
    raise PlatformError(f"image {name} is not built: run 'sluice cluster up'")


def _index(layout: Path) -> list[dict[str, Any]]:
    path = layout / "index.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"manifests": []}
    return list(found["manifests"])


def _called(descriptor: dict[str, Any]) -> str:
    return str(descriptor["annotations"][_NAME])


def _digests(layout: Path, name: str) -> Iterator[str]:
    """Of the image's manifest, its configuration and its layers."""
    found = _get(layout, name)
    manifest = json.loads(_blob(layout, found["digest"]).read_text(encoding="utf-8"))
    yield found["digest"]
    for each in (manifest["config"], *manifest["layers"]):
        yield each["digest"]


def _blobs(layout: Path) -> Path:
    return layout / "blobs" / "sha256"


def _blob(layout: Path, digest: str) -> Path:
    return _blobs(layout) / digest.removeprefix("sha256:")

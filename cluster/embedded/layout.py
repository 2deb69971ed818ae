"""Images of ours as one OCI layout on the disk: what two of them have in common is there once.

A change of our own code changes one small layer, so of an image that a node has nearly all of,
only that layer is handed over.
"""

import io
import json
import tarfile
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

from components.errors import PlatformError

_REFERENCE = "org.opencontainers.image.ref.name"
"""How builders call an image in a layout."""
_NAME = "io.containerd.image.name"
"""How containerd does."""


def find(layout: Path, name: str) -> dict[str, Any] | None:
    """The descriptor of the image, or None when the layout has no such image."""
    return next((each for each in _index(layout) if _called(each) == name), None)


def size(layout: Path, name: str) -> int:
    """The bytes of an image that is there."""
    return sum(_blob(layout, digest).stat().st_size for digest in _digests(layout, name))


def write(layout: Path, name: str, present: Container[str], to: Path) -> None:
    """Write an archive of the image, less the blobs that are ``present`` where it goes."""
    found = _get(layout, name)
    index = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [found | {"annotations": {_NAME: name, _REFERENCE: name.partition(":")[2]}}],
    }
    with tarfile.open(to, "w") as archive:
        for digest in _digests(layout, name):
            # The manifest tells whoever imports it what else there is.
            if digest not in present or digest == found["digest"]:
                blob = _blob(layout, digest)
                archive.add(blob, blob.relative_to(layout).as_posix())
        for file, content in (
            ("index.json", index),
            ("oci-layout", {"imageLayoutVersion": "1.0.0"}),
        ):
            text = json.dumps(content).encode()
            entry = tarfile.TarInfo(file)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))


def forget(layout: Path, prefix: str, kept: int) -> None:
    """Drop all but the newest ``kept`` images whose names begin so, and blobs of no image."""
    listed = _index(layout)
    old = [each for each in listed if _called(each).startswith(prefix)][:-kept]
    left = [each for each in listed if each not in old]
    content = {"schemaVersion": 2, "manifests": left}
    (layout / "index.json").write_text(json.dumps(content), encoding="utf-8")
    wanted = {digest for each in left for digest in _digests(layout, _called(each))}
    for blob in (layout / "blobs" / "sha256").iterdir():
        if f"sha256:{blob.name}" not in wanted:
            blob.unlink()


def _get(layout: Path, name: str) -> dict[str, Any]:
    if found := find(layout, name):
        return found
    raise PlatformError(f"image {name} is not built: run 'sluice cluster up'")


def _index(layout: Path) -> list[dict[str, Any]]:
    path = layout / "index.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"manifests": []}
    return list(found["manifests"])


def _called(descriptor: dict[str, Any]) -> str:
    return str(descriptor.get("annotations", {}).get(_REFERENCE, ""))


def _digests(layout: Path, name: str) -> Iterator[str]:
    """Of the image's manifest, its configuration and its layers."""
    found = _get(layout, name)
    manifest = json.loads(_blob(layout, found["digest"]).read_text(encoding="utf-8"))
    yield found["digest"]
    for each in (manifest["config"], *manifest["layers"]):
        yield each["digest"]


def _blob(layout: Path, digest: str) -> Path:
    return layout / "blobs" / digest.replace(":", "/")

"""What stands between a store and a predictor on a cluster."""

from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.store import MemoryStore

from components import bundle
from components.errors import ArtifactError, InputError
from components.platform import initializer


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    """A store in the place of the bucket that is asked for."""
    made = MemoryStore()

    def bucket(uri: str, *_: Any) -> MemoryStore:
        assert uri == "s3://sluice"
        return made

    monkeypatch.setattr(initializer, "bucket", bucket)
    return made


@pytest.fixture
def digest(store: MemoryStore, tmp_path: Path) -> str:
    """Of a version in the store, with files at two depths."""
    folder = tmp_path / "made"
    (folder / "data").mkdir(parents=True)
    for name in ("model.bin", "data/a b.bin"):
        (folder / name).write_bytes(b"x" * 100)
    found = bundle.write_manifest(folder)
    for name in ("model.bin", "data/a%20b.bin", bundle.MANIFEST):
        path = folder / name.replace("%20", " ")
        obstore.put(store, f"versions/{found}/{name}", path)
    return found


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "mnt"
    folder.mkdir()
    return folder


def address(digest: str) -> str:
    return f"sluice://sluice/versions/{digest}#sha256:{digest}"


def test_files_that_add_up_are_there_and_what_an_earlier_attempt_left_is_not(
    digest: str, target: Path
) -> None:
    (target / "data" / "half").mkdir(parents=True)
    (target / "old").touch()
    (target / "model.bin").write_bytes(b"x" * 50)  # it was ended half-way
    initializer.main(address(digest), target)
    found = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    assert found == {"model.bin", "data/a b.bin", bundle.MANIFEST}
    assert (target / "model.bin").read_bytes() == b"x" * 100


def test_a_changed_byte_is_refused_by_the_file_s_name(
    store: MemoryStore, digest: str, target: Path
) -> None:
    obstore.put(store, f"versions/{digest}/model.bin", b"x" * 99 + b"y")
    with pytest.raises(ArtifactError, match=r"model\.bin does not match its checksum"):
        initializer.main(address(digest), target)


def test_files_that_are_gone_are_told(store: MemoryStore, digest: str, target: Path) -> None:
    for page in list(obstore.list(store)):
        obstore.delete(store, [entry["path"] for entry in page])
    with pytest.raises(ArtifactError, match=f"no files at versions/{digest}"):
        initializer.main(address(digest), target)


@pytest.mark.parametrize(
    "wrong",
    [
        "sluice://sluice/versions/a",
        "sluice://sluice/versions/a#sha256:b",
        "sluice://sluice/other/a#sha256:a",
        "sluice:///versions/a#sha256:a",
        "sluice://sluice/versions/a#md5:a",
    ],
)
def test_an_address_without_the_digest_of_what_it_names_is_refused(
    wrong: str, target: Path
) -> None:
    with pytest.raises(InputError, match="no address of a version"):
        initializer.main(wrong, target)

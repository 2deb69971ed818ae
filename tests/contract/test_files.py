"""The verified files of versions, and data sets."""

from dataclasses import replace
from pathlib import Path

import pytest

from components import bundle
from components.errors import ArtifactError, InputError
from components.platform import Files, StoredVersion
from tests.support.rigs import Rig, write

CONTENT = {
    "model.bin": bytes(range(256)) * 100,
    "empty": b"",
    "data/deep/er/weights.bin": b"deep",
    "Größe 名前 50%.txt": b"named by people",
    "a+b=c&d#e?f.txt": b"named by people too",
}


@pytest.fixture
def files(rig: Rig) -> Files:
    return rig.platform.files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "put"
    made.mkdir()
    write(made, CONTENT)
    return made


@pytest.fixture
def stored(rig: Rig, files: Files, folder: Path) -> StoredVersion:
    """A version whose digest nobody else has."""
    (folder / "identity.txt").write_text(rig.name())
    return files.put("model", "1", bundle.write_manifest(folder), folder)


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_version_is_found_once_its_files_were_put(rig: Rig, files: Files, folder: Path) -> None:
    (folder / "identity.txt").write_text(rig.name())
    digest = bundle.write_manifest(folder)
    assert files.find("model", "1", digest) is None
    put = files.put("model", "1", digest, folder)
    assert (put.model, put.version, put.digest) == ("model", "1", digest)
    assert "://" in put.uri
    assert files.find("model", "1", digest) == put
    assert files.put("model", "1", digest, folder) == put


def test_how_large_a_version_is_is_known_by_its_manifest(
    files: Files, folder: Path, stored: StoredVersion
) -> None:
    size = sum(len(each) for each in content(folder).values())
    found = files.find(stored.model, stored.version, stored.digest)
    assert (stored.size, found and found.size) == (size, size)


def test_of_a_manifest_that_was_altered_no_size_is_believed(
    files: Files, stored: StoredVersion
) -> None:
    files.write(f"{stored.uri}/{bundle.MANIFEST}", b'{"schema": 1, "files": {}}')
    found = files.find(stored.model, stored.version, stored.digest)
    assert (found, found and found.size) == (stored, 0)


def test_what_is_gone_of_a_version_is_named(
    files: Files, folder: Path, stored: StoredVersion
) -> None:
    assert files.lost(stored) == ""
    files.write(f"{stored.uri}/model.bin", b"short")
    assert files.lost(stored) == "its file model.bin has 5 bytes of 25600 in the store"
    files.put(stored.model, stored.version, stored.digest, folder)
    assert files.lost(stored) == ""
    files.write(f"{stored.uri}/{bundle.MANIFEST}", b'{"schema": 1, "files": {}}')
    assert files.lost(stored) == "MANIFEST.json in the store is not the one registered"
    never = replace(stored, digest="0" * 64)
    assert files.lost(never) == "its files are gone from the store"


def test_another_digest_is_another_version(files: Files, stored: StoredVersion) -> None:
    assert files.find(stored.model, stored.version, "0" * 64) is None


def test_what_is_got_is_what_was_put(
    files: Files, folder: Path, stored: StoredVersion, tmp_path: Path
) -> None:
    files.get(stored, tmp_path / "got")
    assert content(tmp_path / "got") == content(folder)


def test_files_that_were_never_put_cannot_be_got(
    files: Files, stored: StoredVersion, tmp_path: Path
) -> None:
    other = StoredVersion("model", "1", "0" * 64, stored.uri.replace(stored.digest, "0" * 64))
    with pytest.raises(ArtifactError, match="model version 1"):
        files.get(other, tmp_path / "got")


def test_an_altered_byte_is_refused(files: Files, stored: StoredVersion, tmp_path: Path) -> None:
    files.write(f"{stored.uri}/data/deep/er/weights.bin", b"deeq")
    with pytest.raises(ArtifactError, match=r"weights\.bin does not match its checksum"):
        files.get(stored, tmp_path / "got")


def test_an_added_file_is_refused(files: Files, stored: StoredVersion, tmp_path: Path) -> None:
    files.write(f"{stored.uri}/added.bin", b"more")
    with pytest.raises(ArtifactError, match=r"added\.bin is not in MANIFEST\.json"):
        files.get(stored, tmp_path / "got")


def test_another_manifest_is_refused(
    files: Files, folder: Path, stored: StoredVersion, tmp_path: Path
) -> None:
    (folder / "model.bin").write_bytes(b"another model")
    bundle.write_manifest(folder)
    for name in ("model.bin", bundle.MANIFEST):
        files.write(f"{stored.uri}/{name}", (folder / name).read_bytes())
    with pytest.raises(ArtifactError, match=r"MANIFEST\.json"):
        files.get(stored, tmp_path / "got")


def test_models_and_versions_have_any_name(
    rig: Rig, files: Files, folder: Path, tmp_path: Path
) -> None:
    model, version = "Größe 名前/../" + "x" * 300, "2 b/é"
    (folder / "identity.txt").write_text(rig.name())
    digest = bundle.write_manifest(folder)
    stored = files.put(model, version, digest, folder)
    assert files.find(model, version, digest) == stored
    files.get(stored, tmp_path / "got")
    assert content(tmp_path / "got") == content(folder)


def test_an_object_is_read_as_it_was_written(rig: Rig, files: Files, stored: StoredVersion) -> None:
    uri = f"{stored.uri}/{rig.name('object')}"
    with pytest.raises(InputError, match="no such object"):
        files.read(uri, 100)
    for written in (b"first", b"second, longer"):
        files.write(uri, written)
        assert files.read(uri, 100) == written


def test_an_object_is_read_up_to_its_limit(files: Files, stored: StoredVersion) -> None:
    uri = f"{stored.uri}/limited"
    files.write(uri, b"12345")
    assert files.read(uri, 5) == b"12345"
    with pytest.raises(InputError, match="larger than 4 bytes"):
        files.read(uri, 4)


def test_a_file_is_read_up_to_its_limit(files: Files, tmp_path: Path) -> None:
    path = tmp_path / "with space.csv"
    path.write_bytes(b"12345")
    assert files.read(path.as_uri(), 5) == b"12345"
    with pytest.raises(InputError, match="larger than 4 bytes"):
        files.read(path.as_uri(), 4)
    with pytest.raises(InputError, match="No such file"):
        files.read((tmp_path / "none.csv").as_uri(), 4)


@pytest.mark.parametrize(
    "uri", ["ftp://host/key", "relative/path", "s3://bucket-only", "", "s3:///"]
)
def test_an_address_of_another_kind_is_refused(files: Files, uri: str) -> None:
    with pytest.raises(InputError):
        files.read(uri, 100)
    with pytest.raises(InputError):
        files.write(uri, b"")

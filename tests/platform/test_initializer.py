"""What stands between a store and a predictor on a cluster."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import obstore
import pytest
from obstore.store import MemoryStore

from components import bundle
from components.errors import ArtifactError, InputError
from components.platform import initializer
from components.platform.memory import ManualClock


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


class Bucket(ThreadingHTTPServer):
    """An S3 store of one bucket, in so far as it gives versions' files."""

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files
        self.away = 0
        """So many requests get no answer of a store."""
        self.cut = 0
        """So many files end half-way."""
        self.asked = 0


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Bucket)
        server.asked += 1
        place = urlparse(self.path)
        listed = "list-type" in parse_qs(place.query)
        content = _listing(server.files) if listed else server.files[place.path]
        if server.away:
            server.away -= 1
            self.send_response(503)
            content = b""
        else:
            self.send_response(200)
            self.send_header("last-modified", "Fri, 27 Nov 2026 00:00:00 GMT")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        if server.cut and not listed:
            server.cut -= 1
            content = content[: len(content) // 2]
            self.close_connection = True
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (http.server's name)
        pass


def _listing(files: dict[str, bytes]) -> bytes:
    found = "".join(
        f"<Contents><Key>{path.removeprefix('/sluice/')}</Key><Size>{len(content)}</Size>"
        "<LastModified>2026-11-27T00:00:00.000Z</LastModified></Contents>"
        for path, content in files.items()
    )
    return f"<ListBucketResult>{found}<IsTruncated>false</IsTruncated></ListBucketResult>".encode()


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Bucket, str]]:
    """A store by HTTP, and the digest of a version in it."""
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "model.bin").write_bytes(b"x" * 100)
    found = bundle.write_manifest(folder)
    files = {f"/sluice/versions/{found}/{p.name}": p.read_bytes() for p in folder.iterdir()}
    with Bucket(files) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        monkeypatch.setenv(initializer.ENDPOINT, f"http://127.0.0.1:{made.server_port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
        yield made, found
        made.shutdown()


@pytest.mark.parametrize("struck", ["away", "cut"])
def test_a_store_that_is_away_for_a_moment_is_asked_again(
    served: tuple[Bucket, str], target: Path, struck: str
) -> None:
    store, digest = served
    setattr(store, struck, 7)  # the client itself tries three times
    initializer.main(address(digest), target, ManualClock())
    bundle.verify(target, digest, allow_pickle=True)
    assert getattr(store, struck) == 0


def test_an_altered_file_is_fetched_once(served: tuple[Bucket, str], target: Path) -> None:
    store, digest = served
    store.files[f"/sluice/versions/{digest}/model.bin"] = b"y" * 100
    with pytest.raises(ArtifactError, match=r"model\.bin does not match its checksum"):
        initializer.main(address(digest), target, ManualClock())
    assert store.asked == 1 + len(store.files)

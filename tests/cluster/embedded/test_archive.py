import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from cluster.embedded.archive import Image, write


def archived(image: Image, to: Path) -> dict[str, bytes]:
    write(image, to)
    with tarfile.open(to) as archive:
        return {
            name: file.read()
            for name in archive.getnames()
            if (file := archive.extractfile(name)) is not None
        }


def blob(found: dict[str, bytes], descriptor: dict[str, Any]) -> bytes:
    content = found[f"blobs/sha256/{descriptor['digest'].removeprefix('sha256:')}"]
    assert hashlib.sha256(content).hexdigest() == descriptor["digest"].removeprefix("sha256:")
    assert len(content) == descriptor["size"]
    return content


def test_an_image_is_found_by_its_digests_and_runs_its_program(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF")
    image = Image("localhost/a/b:1", {"bin/run": program}, ("/bin/run",))
    found = archived(image, tmp_path / "image.tar")
    (listed,) = json.loads(found["index.json"])["manifests"]
    assert listed["annotations"]["io.containerd.image.name"] == "localhost/a/b:1"
    assert listed["annotations"]["org.opencontainers.image.ref.name"] == "1"
    manifest = json.loads(blob(found, listed))
    config = json.loads(blob(found, manifest["config"]))
    assert config["config"]["Entrypoint"] == ["/bin/run"]
    assert not config["config"]["User"].startswith("0")
    (described,) = manifest["layers"]
    assert config["rootfs"]["diff_ids"] == [described["digest"]]
    with tarfile.open(fileobj=io.BytesIO(blob(found, described))) as layer:
        entry = layer.getmember("bin/run")
        assert entry.mode == 0o755
        assert layer.getmember("tmp").mode == 0o1777


def test_the_same_content_is_the_same_archive(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"x")
    image = Image("localhost/a:1", {"run": program})
    assert archived(image, tmp_path / "1.tar") == archived(image, tmp_path / "2.tar")
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()

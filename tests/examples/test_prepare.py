import subprocess
import sysconfig
from pathlib import Path

import pytest

from components.bundle import MANIFEST, verify
from components.dataset import read
from components.errors import InputError, PlatformError
from components.platform import Platform
from components.registry.names import MANIFEST_TAG
from components.registry.register import client
from examples import prepare, tabular


def test_the_tabular_example_is_made_once(platform: Platform, tmp_path: Path) -> None:
    server = client(platform.registry.url)
    said: list[str] = []
    first = prepare.prepare_tumour(server, platform.files, said.append)
    again = prepare.prepare_tumour(server, platform.files, said.append)
    assert [version.version for version in first] == [version.version for version in again]
    assert not any(version.new for version in again)
    data = read(platform.files.read, prepare.TUMOUR_TEST, tabular.TARGET)
    assert len(data.rows) == 285
    platform.registry.download(tabular.MODEL, first[0].version, tmp_path)
    tags = server.get_model_version(tabular.MODEL, first[0].version).tags
    verify(tmp_path, tags[MANIFEST_TAG], allow_pickle=False)
    assert (tmp_path / MANIFEST).exists()


def test_an_object_that_is_missing_is_one_clear_line(platform: Platform) -> None:
    with pytest.raises(InputError, match="no such object: run 'sluice prepare'"):
        read(platform.files.read, "s3://datasets/no/such.csv", "label")


def test_an_upload_into_a_missing_bucket_is_one_clear_line(platform: Platform) -> None:
    with pytest.raises(PlatformError, match=r"the object store did not take .*NoSuchBucket"):
        prepare.upload(platform.files, "s3://no-such-bucket/key", b"x")


def test_the_command_finds_the_examples_from_any_directory(
    platform: Platform, tmp_path: Path
) -> None:
    sluice = str(Path(sysconfig.get_path("scripts"), "sluice"))
    command = [sluice, "prepare", "--data", str(tmp_path)]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "train.csv: No such file or directory" in ran.stderr
    assert ran.stderr.count("\n") == 1

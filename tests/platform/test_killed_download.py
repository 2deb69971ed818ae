"""A predictor's files whose download was killed half-way: a process, a store and a wire."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from components import bundle
from components.errors import ArtifactError
from components.platform.initializer import ENDPOINT, STORE
from components.platform.object_store import bucket
from components.platform.objects import ObjectFiles
from tests.support.halting import halting
from tests.support.predictors import free_port
from tests.support.seaweed import Store, object_store
from tests.support.waiting import wait_until

MIB = 2**20
SIZE = 48 * MIB
HALF = 24 * MIB


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with object_store(tmp_path_factory.mktemp("store")) as made:
        yield made


@pytest.fixture
def digest(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Of a version in the store."""
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "model.bin").write_bytes(os.urandom(SIZE))
    found = bundle.write_manifest(folder)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", store.access)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", store.secret)
    to = bucket("s3://sluice", store.url)
    ObjectFiles(to, "s3://sluice", lambda _: to).put("m", "1", found, folder)
    return found


def initializer(digest: str, folder: Path, store: str) -> "subprocess.Popen[str]":
    """The process that KServe starts before a predictor."""
    address = f"sluice://sluice/versions/{digest}#sha256:{digest}"
    return subprocess.Popen(
        [sys.executable, "-m", "components.platform.initializer", address, str(folder)],
        env=os.environ | {STORE: "s3://sluice", ENDPOINT: store},
        stderr=subprocess.PIPE,
        text=True,
    )


def test_half_a_download_never_counts_and_the_next_try_begins_anew(
    store: Store, digest: str, tmp_path: Path
) -> None:
    folder = tmp_path / "mnt"
    folder.mkdir()
    half = folder / "model.bin"
    with halting(store.url, after=HALF) as wire:
        process = initializer(digest, folder, wire.url)
        wait_until(wire.halted.is_set, 60, "half of the download")
        wait_until(lambda: half.exists() and half.stat().st_size > 0, 60, "some of it on disk")
        process.kill()
        process.communicate()
    assert process.returncode < 0  # no exit code of 0, without which no predictor starts
    assert 0 < half.stat().st_size < SIZE
    with pytest.raises(ArtifactError):
        bundle.verify(folder, digest, allow_pickle=True)
    again = initializer(digest, folder, store.url)
    _, said = again.communicate(timeout=60)
    assert (again.returncode, said) == (0, "")
    bundle.verify(folder, digest, allow_pickle=True)


def test_a_download_whose_wire_is_cut_half_way_is_begun_anew(
    store: Store, digest: str, tmp_path: Path
) -> None:
    folder = tmp_path / "mnt"
    folder.mkdir()
    with halting(store.url, after=HALF) as wire:
        process = initializer(digest, folder, wire.url)
        wait_until(wire.halted.is_set, 60, "half of the download")
        wire.left = None
        _, said = process.communicate(timeout=90)
    assert process.returncode == 0
    assert said.startswith("the object store did not take or give versions/")
    assert said.count("\n") == 1
    bundle.verify(folder, digest, allow_pickle=True)


@pytest.mark.long
def test_a_store_that_stays_away_is_told_in_the_last_line(digest: str, tmp_path: Path) -> None:
    folder = tmp_path / "mnt"
    folder.mkdir()
    process = initializer(digest, folder, f"http://127.0.0.1:{free_port()}")
    _, said = process.communicate(timeout=120)
    assert process.returncode == 1
    assert said.splitlines()[-1].startswith("the object store did not take or give versions/")
    assert "tried again" not in said.splitlines()[-1]

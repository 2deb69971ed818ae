"""Whether this machine has room for one predictor more."""

from pathlib import Path

import pytest

from components.endpoint import Resources
from components.platform import StoredVersion
from local.room import free_memory, no_disk, room
from tests.support.endpoints import endpoint

GIB = 2**30


@pytest.mark.parametrize(
    ("there", "cores", "free", "enough", "why"),
    [
        (["1", "1"], 2, 9 * GIB, False, "3 predictors may use 3 cores, this machine has 2"),
        (["1", "1"], 3, 9 * GIB, True, "3 predictors may use 3 cores of 3, and 9.0 GiB of memory"),
        (["500m", "500m"], 2, 9 * GIB, True, "3 predictors may use 2 cores of 2"),
        ([], 2, GIB, False, "one predictor may use 2Gi, 1.0 GiB of memory are free"),
        ([], 2, 2 * GIB, True, "1 predictors may use 1 cores of 2"),
    ],
)
def test_cores_are_counted_by_the_files_and_memory_as_it_is_free(
    there: list[str], cores: int, free: int, enough: bool, why: str
) -> None:
    found = room(there, Resources(), cores, free)
    assert found.enough == enough
    assert why in found.why


def test_free_memory_is_the_machine_s_or_less_in_a_container(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 8388608 kB\nMemAvailable:    4194304 kB\n")
    assert free_memory(tmp_path, tmp_path) == 4 * GIB
    (tmp_path / "memory.current").write_text(f"{GIB}\n")
    for limit, free in (("max", 4 * GIB), (str(3 * GIB), 2 * GIB), (str(64 * GIB), 4 * GIB)):
        (tmp_path / "memory.max").write_text(f"{limit}\n")
        assert free_memory(tmp_path, tmp_path) == free
    (tmp_path / "memory.max").write_text(str(GIB // 2))
    assert free_memory(tmp_path, tmp_path) == 0


def test_files_that_are_more_than_the_disk_has_free_are_told() -> None:
    stored = StoredVersion("large", "4", "a" * 64, "s3://sluice", size=3 * GIB)
    assert no_disk(endpoint("demo"), stored, 3 * GIB) == ""
    said = no_disk(endpoint("demo"), stored, 2 * GIB)
    assert "large version 4 has 3 GiB of files" in said
    assert "disk has 2 GiB free: make room" in said

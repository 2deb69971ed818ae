"""Quantities of processor and memory."""

import pytest

from components.endpoint import Resources
from components.quantity import amount, bytes_of, cores_of, in_words

GIB = 2**30


@pytest.mark.parametrize(("written", "cores"), [("1", 1.0), ("0.5", 0.5), ("250m", 0.25)])
def test_cores(written: str, cores: float) -> None:
    assert cores_of(Resources(cpu=written).cpu) == cores


@pytest.mark.parametrize(("written", "found"), [("512Mi", GIB // 2), ("2Gi", 2 * GIB)])
def test_memory(written: str, found: int) -> None:
    assert bytes_of(Resources(memory=written).memory) == found


@pytest.mark.parametrize(
    ("written", "found"),
    [("500m", 0.5), ("2", 2), ("1.5Gi", 1.5 * GIB), ("2k", 2000), ("2e3", 2000), ("100n", 1e-7)],
)
def test_any_quantity_of_kubernetes(written: str, found: float) -> None:
    assert amount(written) == pytest.approx(found)


@pytest.mark.parametrize("written", ["", "x", "1Q", "-1", "1 Gi"])
def test_what_is_no_quantity(written: str) -> None:
    with pytest.raises(ValueError, match="no quantity"):
        amount(written)


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1 KiB"),
        (1010 * 2**20, "1010 MiB"),
        (5 * GIB // 2, "2.5 GiB"),
        (2**75, "32768 EiB"),
    ],
)
def test_bytes_for_people(size: int, said: str) -> None:
    assert in_words(size) == said

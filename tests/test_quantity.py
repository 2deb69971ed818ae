"""Quantities of processor and memory."""

import pytest

from components.endpoint import Resources
from components.quantity import bytes_of, cores_of

GIB = 2**30


@pytest.mark.parametrize(("written", "cores"), [("1", 1.0), ("0.5", 0.5), ("250m", 0.25)])
def test_cores(written: str, cores: float) -> None:
    assert cores_of(Resources(cpu=written).cpu) == cores


@pytest.mark.parametrize(("written", "found"), [("512Mi", GIB // 2), ("2Gi", 2 * GIB)])
def test_memory(written: str, found: int) -> None:
    assert bytes_of(Resources(memory=written).memory) == found

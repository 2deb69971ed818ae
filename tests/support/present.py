"""What is there, to a type checker as well."""

from typing import TypeVar

T = TypeVar("T")


def present(value: T | None) -> T:
    """``value``, which must not be None."""
    assert value is not None
    return value

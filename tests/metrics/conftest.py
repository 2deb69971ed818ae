"""The judge's gateway, whose counts are known."""

from tests.judge.conftest import gateway

__all__ = ["gateway"]

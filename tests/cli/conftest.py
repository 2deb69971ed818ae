"""Fixtures of the commands' tests."""

from tests.judge.conftest import gateway

__all__ = ["gateway"]

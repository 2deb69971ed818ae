"""Fixtures of other rooms that the commands' tests use too."""

from tests.judge.conftest import gateway
from tests.report.conftest import records

__all__ = ["gateway", "records"]

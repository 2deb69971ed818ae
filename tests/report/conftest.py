"""Fixtures of the report's tests: records of releases that never were."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.endpoint import Endpoint
from tests.support.records import Recorder, write
from tests.support.scenarios import SCENARIOS, SETTINGS, head, release


@pytest.fixture(scope="session")
def records(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function from a scenario's name to its record's file."""
    folder = tmp_path_factory.mktemp("records")

    def written(name: str) -> Path:
        path = folder / f"{name}.jsonl"
        if not path.exists():
            write(path, release(SCENARIOS[name]()).content())
        return path

    return written


@pytest.fixture
def new_record() -> Callable[..., Recorder]:
    """A function that begins a record of a canary release; arguments change its first line."""

    def begun(**changes: Any) -> Recorder:
        record = Recorder()
        record.append(head(Endpoint.model_validate(SETTINGS), **changes))
        return record

    return begun

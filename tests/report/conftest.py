"""Fixtures of the report's tests: records of releases that never were."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.endpoint import Endpoint
from tests.support.records import SCENARIOS, SETTINGS, Record, release


@pytest.fixture(scope="session")
def records(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function from a scenario's name to its record's file."""
    folder = tmp_path_factory.mktemp("records")

    def written(name: str) -> Path:
        path = folder / f"{name}.jsonl"
        if not path.exists():
            release(SCENARIOS[name]()).write(path)
        return path

    return written


@pytest.fixture
def new_record() -> Callable[..., Record]:
    """A function that begins a record of a canary release; arguments change its first line."""

    def begun(**changes: Any) -> Record:
        record = Record()
        head = {
            "schema": 1,
            "release_id": "banking77-v2",
            "endpoint": "banking77",
            "model": "banking77-intent",
            "candidate": "2",
            "champion": "1",
            "path": "canary",
            "run_id": "0" * 32,
            "policy": {},
            "settings": Endpoint.model_validate(SETTINGS).model_dump(mode="json"),
        }
        record.append("release", head | changes)
        return record

    return begun

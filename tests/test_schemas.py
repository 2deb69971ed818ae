"""The committed schemas are those that the code checks by."""

import pytest

from components import schemas


@pytest.mark.parametrize("name", schemas.SCHEMAS)
def test_the_schema_that_is_committed_is_the_one_that_is_checked(name: str) -> None:
    assert schemas.path(name).read_text(encoding="utf-8") == schemas.text(name), (
        "run python -m components.schemas"
    )


def test_no_schema_is_committed_that_nobody_generates() -> None:
    assert set(schemas.FOLDER.iterdir()) == set(map(schemas.path, schemas.SCHEMAS))

"""A client's key from a file, or one clear line."""

import json
from pathlib import Path

import pytest

from components.errors import InputError
from components.load.keys import client_key


def test_a_client_without_a_key_is_named_with_those_that_have_one(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"demo": "secret-1", "sluice": "secret-2"}))
    assert client_key(path, "demo") == "secret-1"
    with pytest.raises(InputError, match="no key of client 'other': name one of demo, sluice") as e:
        client_key(path, "other")
    assert "secret" not in str(e.value)


@pytest.mark.parametrize("content", [None, "no json", "[]"])
def test_a_key_file_that_cannot_be_used_is_one_clear_line(
    tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "keys.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=r"keys\.json"):
        client_key(path, "demo")

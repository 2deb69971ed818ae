from pathlib import Path

import pytest

from components.errors import InputError
from components.record import signature

KEY = b"\x01" * 32


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "key"
    path.write_bytes(KEY)
    path.chmod(0o600)
    monkeypatch.setenv(signature.KEY, str(path))
    return path


def test_without_the_variable_there_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(signature.KEY, raising=False)
    assert signature.key() is None


def test_a_signature_is_of_one_key_one_release_and_one_anchor(file: Path) -> None:
    key = signature.key()
    assert key == file.read_bytes() == KEY
    made = signature.sign(key, "r", "7:abc")
    assert signature.is_of(key, "r", "7:abc", made)
    for by, release_id, value in ((b"x" * 32, "r", "7:abc"), (key, "s", "7:abc"), (key, "r", "8")):
        assert not signature.is_of(by, release_id, value, made)
    assert not signature.is_of(key, "r", "7:abc", "é")


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (b"short", 0o600, "a key has 32 random bytes at least"),
        (KEY, 0o604, "others may read or write it: chmod 600 it"),
        (KEY * 1000, 0o600, "larger than 4096 bytes: no key is"),
    ],
)
def test_a_file_that_is_no_key_is_refused_in_one_line(
    file: Path, content: bytes, mode: int, said: str
) -> None:
    file.write_bytes(content)
    file.chmod(mode)
    with pytest.raises(InputError, match=said) as caught:
        signature.key()
    assert "\n" not in str(caught.value)


def test_the_file_is_named_by_its_whole_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(signature.KEY, "key")
    with pytest.raises(InputError, match="name the key's file by its absolute path"):
        signature.key()

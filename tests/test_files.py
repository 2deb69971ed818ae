"""A file that is not there, cannot be read or is too large is one line."""

from pathlib import Path

import pytest

from components.errors import ArtifactError, InputError
from components.files import read_limited


def test_a_file_of_the_limit_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    assert read_limited(tmp_path / "file", 5) == b"12345"


def test_a_larger_file_is_refused_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"123456")
    with pytest.raises(InputError, match=r"/file: larger than 5 bytes: cut the data set$"):
        read_limited(tmp_path / "file", 5, too_large="cut the data set")


def test_a_file_that_cannot_be_read_is_named_as_the_caller_names_it(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"^s3://a: No such file or directory: upload it$"):
        read_limited(tmp_path / "file", 5, name="s3://a", missing="upload it", error=ArtifactError)
    with pytest.raises(InputError, match="Is a directory"):
        read_limited(tmp_path, 5)

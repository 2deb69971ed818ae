"""What a model asks of its environment is held against the one at hand, in words."""

import platform
from pathlib import Path

import pytest

from components.requirements import mismatches


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("numpy==1.0.0", ["the model asks for numpy==1.0.0, here is "]),
        ("NumPy<1", ["the model asks for NumPy<1, here is "]),
        ("no-such-package>=2", ["the model asks for no-such-package>=2, which is not installed"]),
        ("numpy", []),
        ("numpy>=1.0  # as trained", []),
        ("# numpy==1.0.0", []),
        ("", []),
        ("-e ./local", []),
        ("numpy @ https://example.com/numpy.whl", []),
        ("numpy==1.0.0; python_version < '3'", []),
        ("code/wheel.whl", []),
    ],
)
def test_a_requirement_is_met_or_named(tmp_path: Path, line: str, said: list[str]) -> None:
    (tmp_path / "requirements.txt").write_text(f"{line}\n")
    found = mismatches(tmp_path)
    assert len(found) == len(said)
    assert all(one.startswith(start) for one, start in zip(found, said, strict=True))


def test_another_python_is_named(tmp_path: Path) -> None:
    (tmp_path / "python_env.yaml").write_text("python: 3.6.1\n")
    here = platform.python_version()
    assert mismatches(tmp_path) == [f"the model was saved with Python 3.6.1, here is {here}"]
    (tmp_path / "python_env.yaml").write_text(f"python: {here}\n")
    assert mismatches(tmp_path) == []


@pytest.mark.parametrize(
    "content", [b"\xff", b"[", b"- a", b"python: [", b"python: 1" + b":1" * 3000]
)
def test_files_that_cannot_be_read_ask_for_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "python_env.yaml").write_bytes(content)
    (tmp_path / "requirements.txt").write_bytes(content)
    assert mismatches(tmp_path) == []
    assert mismatches(tmp_path / "none") == []


def test_many_mismatches_are_told_in_part(tmp_path: Path) -> None:
    lines = [f"no-such-package-{number}" for number in range(50)]
    (tmp_path / "requirements.txt").write_text("\n".join(lines))
    found = mismatches(tmp_path)
    assert (len(found), found[-1]) == (21, "and 30 more requirements are not met here")

"""`MLmodel` is read with an end to what a file may ask of its reader."""

from itertools import pairwise
from pathlib import Path

import pytest

from components.bundle import mlmodel
from components.errors import ArtifactError


@pytest.mark.parametrize(
    "text",
    [
        "",
        "flavors",
        "flavors: []",
        "flavors: {a: 1}",
        "flavors: {1: {}}",
        "[" * 100_000,
        "- " * 100_000,
        "? " * 100_000,
        "[" + "1," * 100_000 + "]",
        "flavors: {a: {b: " + "1:" * 300_000 + "1}}",
        "flavors: {a: {b: " + "9" * 300_000 + "}}",
        "a: &a {x: 1}\nflavors: {<<: *a}",
        "flavors: !!python/name:os.system",
        "flavors: {a: &a {b: *a",
        "\x00",
        "flavors: {a: \ud800}",
        "x" * (mlmodel.MAX_BYTES + 1),
    ],
    ids=range(17),
)
def test_what_is_no_description_is_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ArtifactError) as caught:
        mlmodel.read(tmp_path)
    assert str(caught.value).isprintable()


def _multiplying() -> str:
    """Each name stands for nine of the one before."""
    nine = ", ".join(["*{}"] * 9)
    names = "abcdefghij"
    lines = [f"{new}: &{new} {{k: [{nine.replace('{}', old)}]}}" for old, new in pairwise(names)]
    return "\n".join(["a: &a x", *lines, "flavors: {f: *j}"])


@pytest.mark.parametrize("text", ["flavors: &a {f: {data: *a}}", _multiplying()])
def test_aliases_that_go_in_circles_or_multiply_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text(text)
    description = mlmodel.read(tmp_path)
    with pytest.raises(ArtifactError, match="more parts than any"):
        mlmodel.refuse_outside(tmp_path, description, [])


def test_an_alias_below_a_key_that_is_free_is_looked_at_below_others(tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text(
        "flavors: {f: {model_config: &a {path: /etc}, artifacts: {x: *a}}}"
    )
    with pytest.raises(ArtifactError, match=r"'/etc' as f\.artifacts\.x\.path"):
        mlmodel.refuse_outside(tmp_path, mlmodel.read(tmp_path), [])


def test_where_a_models_code_lay_when_it_was_saved_is_no_path(tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text("flavors: {f: {model_code_path: /home/me/model.py}}")
    mlmodel.refuse_outside(tmp_path, mlmodel.read(tmp_path), ["model.py"])
    with pytest.raises(ArtifactError, match="not among the model's files"):
        mlmodel.refuse_outside(tmp_path, mlmodel.read(tmp_path), ["other.py"])


@pytest.mark.parametrize("path", ["/etc/passwd", "../there", "a/../../there", "~/there", "a\0b"])
@pytest.mark.parametrize("key", ["data", "of_a_later_mlflow"])
def test_a_path_that_leads_out_is_refused_whatever_its_key_is(
    tmp_path: Path, path: str, key: str
) -> None:
    """Under a key that nobody knows, too, and though the file should be among the model's."""
    description = mlmodel.Description({}, {"f": {key: path}})
    with pytest.raises(ArtifactError, match="leads out of the model's folder"):
        mlmodel.refuse_outside(tmp_path, description, [path])


def test_another_text_under_a_key_that_nobody_knows_is_none_of_our_business(tmp_path: Path) -> None:
    mlmodel.refuse_outside(tmp_path, mlmodel.Description({}, {"f": {"task": "a/b"}}), [])

"""A file of YAML means what it says, and costs what it weighs."""

import pytest

from components import yaml_text
from components.errors import InputError


def refused(text: str) -> str:
    with pytest.raises(InputError) as caught:
        yaml_text.parse(text, "f.yaml")
    said = str(caught.value)
    assert "\n" not in said
    return said


def bomb(levels: int, form: str = "[{}]") -> str:
    lines = ["x0: &x0 [a, a, a, a, a, a, a, a, a, a]"]
    for level in range(1, levels):
        aliases = ", ".join([f"*x{level - 1}"] * 10)
        lines.append(f"x{level}: &x{level} {form.format(aliases)}")
    return "\n".join(lines)


def merged(levels: int) -> str:
    lines = ["x0: &x0 {a: 1}"]
    for level in range(1, levels):
        aliases = ", ".join(f"k{n}: *x{level - 1}" for n in range(10))
        lines.append(f"x{level}: &x{level} {{{aliases}}}")
    return "\n".join(lines)


@pytest.mark.parametrize("text", [bomb(8), bomb(300), merged(8)], ids=["8", "300", "mappings"])
def test_aliases_that_multiply_are_refused_unwritten(text: str) -> None:
    assert "with its aliases written out this has more than 10000 parts" in refused(text)


@pytest.mark.parametrize("part", ["- 1\n", "- {a: 1}\n", "- []\n"])
def test_the_first_part_too_many_ends_the_reading(part: str) -> None:
    text = "a:\n" + 20_000 * part + "- what stands here is never reached: ]"
    assert "this has more than 10000 parts" in refused(text)


def test_an_alias_in_a_circle_is_refused() -> None:
    assert "f.yaml:1: an alias refers to what it stands in" in refused("a: &a [*a]")


def test_an_alias_for_a_few_parts_is_plain_yaml() -> None:
    document = yaml_text.parse("a: &a {x: 1}\nb: *a\nc: {<<: *a, y: 2}\n", "f.yaml")
    assert document.content == {"a": {"x": 1}, "b": {"x": 1}, "c": {"x": 1, "y": 2}}
    assert document.line(("c", "y")) == 3


@pytest.mark.parametrize(
    "number", ["010", "0o10", "0b11", "0x1F", "1_000", "1:30", "-010", "1:30.5", ".inf", ".nan"]
)
def test_a_number_that_is_another_one_in_yaml_1_1_is_refused(number: str) -> None:
    if number == "0o10":  # YAML 1.2's octal is text in 1.1, for a schema to refuse
        assert yaml_text.parse(f"a: [{number}]", "f.yaml").content == {"a": ["0o10"]}
        return
    assert f"f.yaml:2: {number} is not a plain number" in refused(f"a: 1\nb: [{number}]\n")
    assert yaml_text.parse(f"a: '{number}'", "f.yaml").content == {"a": number}


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("-7", -7), ("1.50", 1.5), ("1.0e-3", 1e-3)])
def test_plain_numbers_are_numbers(text: str, value: float) -> None:
    assert yaml_text.parse(f"a: {text}", "f.yaml").content == {"a": value}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\na: 2\n", "f.yaml:2: a stands twice"),
        ("a:\n  - {b: 1, b: 2}\n", "f.yaml:2: b stands twice"),
        ("? [a]\n: b\n", "f.yaml:1: a key is text"),
        ("a: 2024-13-45\n", "f.yaml: not YAML: month must be in 1..12"),
        ("a: !!int x\n", "f.yaml"),
        ("a: [\n", "f.yaml: not YAML"),
        ("a: 1\n---\nb: 2\n", "f.yaml: not YAML"),
        ("[" * 5000, "f.yaml: not YAML"),
    ],
)
def test_what_is_no_clear_yaml_is_refused_in_one_line(text: str, said: str) -> None:
    assert said in refused(text)

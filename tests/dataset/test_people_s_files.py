"""Data files as people have them: taken as they are meant, or refused with the line."""

import pytest

from components import dataset
from components.errors import InputError


def parsed(text: str) -> dataset.Dataset:
    return dataset.parse(text.encode(), "label", "file:///rows.csv")


def refused(text: str) -> str:
    with pytest.raises(InputError) as caught:
        parsed(text)
    said = str(caught.value)
    assert "\n" not in said
    return said


@pytest.mark.parametrize("length", [131_072, 131_073, 144_000, 5_000_000])
def test_a_field_may_be_as_long_as_a_document(length: int) -> None:
    assert parsed(f"text,label\n{'x' * length},a\n").texts() == ("x" * length,)


LONG = "x" * 200_000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"text,label\n{LONG},a\nx\n", "file:///rows.csv:3: not 2 columns but 1"),
        ('text,label\nx,a\n"y"z,b\n', "file:///rows.csv:3: not CSV"),
        ('text,label\n"x\ny",a\nz\n', "file:///rows.csv:4: not 2 columns but 1"),
        ('text,label\n"x\ny",a\n"z\n\n', "file:///rows.csv:4: not CSV: unexpected end of data"),
        ('text,label\nx,a\n"y\nz",b,c\n', "file:///rows.csv:3: not 2 columns but 3"),
        ("text,label\n\n\nx\n", "file:///rows.csv:4: not 2 columns but 1"),
        ("text,label\rx,a\ry\r", "file:///rows.csv:3: not 2 columns but 1"),
        ("text,label\r\nx,a\r\ny\r\n", "file:///rows.csv:3: not 2 columns but 1"),
        ('text,label\nx,a\n"y",b\n"q"w,c\n', "file:///rows.csv:4: not CSV"),
    ],
    ids=range(9),
)
def test_a_fault_is_named_with_the_line_on_which_its_row_begins(text: str, said: str) -> None:
    assert refused(text).startswith(said)


@pytest.mark.parametrize(
    ("text", "line", "count"),
    [
        ("text,label\nx,a\ny,\nz,b\n", 3, "1 of 3"),
        ("text,label\nx,a\ny,  \nz,\n", 3, "2 of 3"),
        ('text,label\n"x\ny",a\nz,""\n', 4, "1 of 2"),
        ("text,label\nx,\n", 2, "1 of 1"),
    ],
)
def test_missing_labels_are_counted_and_refused_with_the_first_line(
    text: str, line: int, count: str
) -> None:
    assert refused(text) == (
        f"file:///rows.csv:{line}: no label in column 'label', in {count} rows: "
        "write their labels, or take these rows out"
    )


def test_an_empty_cell_that_is_no_label_stays() -> None:
    assert parsed("text,n,label\n,1,a\nx,,b\n").rows == (
        {"text": "", "n": "1"},
        {"text": "x", "n": ""},
    )


@pytest.mark.parametrize(
    ("text", "rows", "targets"),
    [
        ('text,label\n"hi", "a"\n', ("hi",), ("a",)),
        ('text, label\n"hi", "a"\n', ("hi",), ("a",)),
        ('text,label\n"hi, you", "a, b"\n"x",   "c"\n', ("hi, you", "x"), ("a, b", "c")),
        ('text,label\n  "hi",a\n', ("hi",), ("a",)),
    ],
)
def test_a_space_before_a_quote_is_not_part_of_the_cell(
    text: str, rows: tuple[str, ...], targets: tuple[str, ...]
) -> None:
    found = parsed(text)
    assert (found.texts(), found.targets) == (rows, targets)


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("text,label\n  code,a\n", ("  code",)),
        ('text,label\n"he said, ""no""",a\n  x,b\n', ('he said, "no"', "  x")),
        ('text,label\n"one, ",a\n  x,b\n', ("one, ", "  x")),
    ],
)
def test_where_no_quote_follows_spaces_are_the_cell_s_own(
    text: str, cells: tuple[str, ...]
) -> None:
    assert parsed(text).texts() == cells

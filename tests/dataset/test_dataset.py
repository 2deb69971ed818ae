from pathlib import Path

import pytest

from components import dataset
from components.errors import InputError
from components.platform.memory import World


def parsed(text: str) -> dataset.Dataset:
    return dataset.parse(text.encode(), "label", "file:///rows.csv")


def test_rows_and_labels_come_apart() -> None:
    data = parsed('text,label\n"one, two",a\nthree,b\n')
    assert data.rows == ({"text": "one, two"}, {"text": "three"})
    assert data.targets == ("a", "b")
    assert data.texts() == ("one, two", "three")


def test_a_quoted_line_break_stays_in_its_row() -> None:
    assert parsed('text,label\n"one\ntwo",a\n').texts() == ("one\ntwo",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("text,other\nx,a\n", "no column 'label': its header is 'text, other'"),
        ("", "no column 'label'"),
        ("text,label\n", "no rows below the header"),
        ("text,label\nx\n", ":2: not 2 columns"),
        ("text,label\nx,a,b\n", ":2: not 2 columns"),
        ('text,label\n"x,a\n', "not CSV"),
        ("label,label\nx,a\n", "name each column once"),
        ("label\na\n", "at least two"),
    ],
)
def test_a_malformed_file_is_one_clear_line(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        parsed(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_text_in_another_encoding_is_refused() -> None:
    with pytest.raises(InputError, match="not UTF-8"):
        dataset.parse("text,label\nstraße,a\n".encode("latin-1"), "label", "file:///rows.csv")


def test_a_sample_is_the_same_for_both_versions_and_keeps_order() -> None:
    data = parsed("text,label\n" + "".join(f"{n},a\n" for n in range(500)))
    sample = data.sample(50)
    numbers = [int(text) for text in sample.texts()]
    assert len(set(numbers)) == 50
    assert numbers == sorted(numbers)
    assert sample == data.sample(50)
    assert data.sample(None) is data.sample(9999) is data


def test_a_file_is_read_and_its_digest_is_of_its_bytes(tmp_path: Path) -> None:
    import hashlib

    path = tmp_path / "my rows.csv"
    path.write_bytes(b"text,label\nx,a\n")
    data = dataset.read(World().platform.files.read, path.as_uri(), "label")
    assert data.digest == hashlib.sha256(b"text,label\nx,a\n").hexdigest()


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("file:///no/such/rows.csv", "No such file"),
        ("http://example.com/rows.csv", "write s3://bucket/key or file:///path"),
        ("file://host/rows.csv", "write s3://bucket/key or file:///path"),
    ],
)
def test_an_address_that_cannot_be_read_says_why(uri: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        dataset.read(World().platform.files.read, uri, "label")

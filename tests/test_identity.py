"""A version is its model, its number and its manifest's digest; names of two never meet."""

import re
from itertools import product

from components.identity import Identity

FIRST = Identity("demo", "1", "a" * 64)


def test_the_number_is_the_name_where_nothing_else_has_it() -> None:
    assert FIRST.name_among({}) == "1"
    assert FIRST.name_among({"2": Identity("demo", "2", "b" * 64)}) == "1"


def test_a_version_that_serves_keeps_its_name() -> None:
    assert FIRST.name_among({"1-0a1b2c3d": FIRST}) == "1-0a1b2c3d"


def test_versions_of_one_number_have_names_that_differ_and_fit_a_label() -> None:
    others = [
        Identity(model, "1", digest * 64)
        for model, digest in product(("demo", "other", "Käse " * 20), "abc")
        if (model, digest) != ("demo", "a")
    ]
    named = [each.name_among({"1": FIRST}) for each in others]
    assert len({"1", *named}) == len(others) + 1
    assert all(re.fullmatch(r"1-[0-9a-f]{8}", name) for name in named)
    longest = f"{'e' * 41}-v{Identity('m', '1' * 10, '').full_name}"
    assert len(longest) <= 63

"""Durations in the words of a sentence."""

import pytest

from components.durations import in_words, seconds


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("500ms", "0.5 s"),
        ("15s", "15 s"),
        ("1m", "1 min"),
        ("90s", "90 s"),
        ("30m", "30 min"),
        ("90m", "90 min"),
        ("1h", "1 h"),
        ("24h", "24 h"),
        ("8784h", "8784 h"),
        ("1000001s", "1000001 s"),
    ],
)
def test_a_duration_is_said_as_people_write_it(written: str, said: str) -> None:
    assert in_words(seconds(written)) == said

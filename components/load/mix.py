"""What is asked: the bodies of the requests, made from the rows of a data set."""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

LONG_SHARE = 0.1
"""Share of long messages in the production mix: well over 5%, so that the p95 lies among them, not
where the two kinds meet and hardly any ratio can be told from another."""

LONG_WORDS = 110
"""Words in a long message, at least; each is one token or more."""


def long_message(texts: Sequence[str], draw: random.Random) -> str:
    """Real sentences strung together to at least `LONG_WORDS` words."""
    parts: list[str] = []
    words = 0
    while words < LONG_WORDS:
        parts.append(draw.choice(texts))
        words += len(parts[-1].split())
    return " ".join(parts)


def text_bodies(texts: Sequence[str], long_share: float, seed: int) -> Iterator[bytes]:
    """Endless V2 requests of one text each; ``long_share`` of them are long messages."""
    draw = random.Random(seed)  # noqa: S311 (no secret)
    while True:
        is_long = draw.random() < long_share
        text = long_message(texts, draw) if is_long else draw.choice(texts)
        yield v2_body({"text": text})


def row_bodies(rows: Sequence[Mapping[str, str]], seed: int) -> Iterator[bytes]:
    """Endless V2 requests of one row each, a column an input; numbers are sent as FP64."""
    draw = random.Random(seed)  # noqa: S311 (no secret)
    while True:
        yield v2_body({name: _number(text) for name, text in draw.choice(rows).items()})


def v2_body(columns: Mapping[str, str | float]) -> bytes:
    """One row as a V2 inference request."""
    inputs: list[dict[str, Any]] = [
        {
            "name": name,
            "shape": [1],
            "datatype": "BYTES" if isinstance(value, str) else "FP64",
            "data": [value],
        }
        for name, value in columns.items()
    ]
    return json.dumps({"inputs": inputs}).encode()


def _number(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text

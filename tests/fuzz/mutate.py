"""Make what is right wrong: bytes, and the values of JSON and YAML."""

from copy import deepcopy
from random import Random
from typing import Any

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 255, 256, 2**31, -(2**31) - 1, 2**53 + 1, 2**63, 2**64),
    *(10**400, 0.5, -0.0, 1e-320, 1e308, 3.5e38, float("nan"), float("inf"), float("-inf")),
    *(
        "",
        " ",
        "0",
        "1.5",
        "NaN",
        "true",
        "null",
        "\0",
        "\ud800",
        "\U0001f600",
        "\u202e",
        "a" * 3000,
    ),
    *("2024-05-01T13:00:00Z", "2024-05-01", "9999-12-31", "0001-01-01", "13:00", "not a date"),
    *(
        "a" * 3000,
        "[1, 2]",
        '{"a": 1}',
        "../..",
        "YQ==",
        "%00",
        "{{x}}",
        "${x}",
        "\n",
        "é",
        "e\u0301",
    ),
    *([], [[]], [None], [1, [2]], [[1, 2], [3]], [{}], {}, {"a": {}}, {"": 0}, {"x": [None]}),
)
"""Values at an edge of something."""
_BYTES = (
    b"\0",
    b"\xff",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\x80",
    b"\n",
    b'"',
    b"{",
    b"]",
    b"9" * 400,
)


def odd(draw: Random) -> Any:
    """A value of any kind; now and then deep, long or large."""
    turn = draw.random()
    if turn < 0.9:
        return deepcopy(draw.choice(ODD))
    if turn < 0.95:
        value = draw.choice(ODD)
        for _ in range(draw.choice((3, 33, 400))):
            value = [value] if draw.random() < 0.8 else {"a": value}
        return value
    return [draw.choice(ODD) for _ in range(draw.choice((2, 40, 300)))]


def value(draw: Random, right: Any) -> Any:
    """``right``, a value of lists, dicts and scalars, with a few of its parts made wrong."""
    made = deepcopy(right)
    for _ in range(1 + (draw.random() < 0.3) + (draw.random() < 0.1)):
        made = _with_one_wrong(draw, made)
    return made


def content(draw: Random, right: bytes) -> bytes:
    """``right`` with a few of its bytes changed, doubled, left out or put in."""
    made = bytearray(right)
    for _ in range(draw.choice((1, 1, 2, 8))):
        start = draw.randrange(len(made) + 1)
        end = min(len(made), start + draw.choice((0, 1, 1, 2, 9)))
        what = draw.random()
        if what < 0.3:
            made[start:end] = draw.choice(_BYTES)
        elif what < 0.5:
            made[start:end] = draw.randbytes(draw.choice((1, 2, 8)))
        elif what < 0.6:
            del made[start:]
        elif what < 0.8:
            del made[start:end]
        else:
            made[start:start] = made[start:end] * draw.choice((1, 2, 50))
    return bytes(made)


def _with_one_wrong(draw: Random, made: Any) -> Any:
    places = list(_places(made))
    if not places:
        return odd(draw)
    holder, key = draw.choice(places)
    what = draw.random()
    if what < 0.6:
        holder[key] = odd(draw)
    elif what < 0.7:
        del holder[key]
    elif what < 0.8:
        _, other = draw.choice(places)
        if isinstance(holder, dict):
            holder[other if isinstance(other, str) else str(other)] = holder[key]
        else:
            holder.insert(key, holder[key])
    elif what < 0.9:
        other, place = draw.choice(places)
        holder[key] = deepcopy(other[place])
    elif isinstance(holder, list):
        holder[key:key] = [holder[key]] * draw.choice((1, 3, 300))
    else:
        holder[draw.choice(("", "x", key + "x", key.upper(), "\0"))] = odd(draw)
    return made


def _places(made: Any) -> Any:
    """Holder and key of every part, however deep."""
    keys = (
        list(made) if isinstance(made, dict) else range(len(made)) if isinstance(made, list) else ()
    )
    for key in keys:
        yield made, key
        yield from _places(made[key])

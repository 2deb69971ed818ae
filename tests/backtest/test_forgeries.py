"""A record in which one thing was forged, and whose chain was hashed anew: replay finds it.

Each member of each kind of line is forged by itself. What cannot be found is listed with its
reason: whoever may write the store can write it, and `docs/record.md` says what binds it besides.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from typing import Any

import msgspec
import pytest

from components import record
from components.backtest.replay import replay
from components.errors import InputError, SluiceError
from components.record import Line, chain
from components.release import deciding, operating
from tests.support.records import chained
from tests.support.worlds import NAME, Scene, begin, quick

Forged = list[tuple[str, float, Any]]

UNCHECKED: Mapping[str, str] = {
    r"release\.release_id": "a file has no name to hold it against; see below",
    r"release\.run_id": "the anchor says it",
    r"release\.settings\.(serving|gateway|evaluation\.dataset\.target).*": "nothing follows of it",
    r"release\.settings\.slo.*": "nothing follows of it",
    r"release\.settings\.release\.(lease|approval_within)": "nothing follows of it",
    r"release\.settings\.release\.judge\.(max_extension|min_requests)": "it decided nothing here",
    r"release\.settings\.release\.baseline": "it may not be had for many reasons",
    r"action\.(by|decided_at|number)": "who decided, and when, stands nowhere else",
    r"action\.waits.*": "the words, and what else is waited for, stand nowhere else",
    r"action\.t": "a time that was measured",
    r"release\.settings\.release\.windows.*": "hours and alerts of then stand nowhere else",
    r"action\.reason-?": "why there is a baseline, or was an approval, stands nowhere else",
    r"release\.aliases.*": "what the registry said before stands nowhere else",
    r"release\.versions-": "records of an earlier Sluice have none",
    r"release\.settings\.evaluation\.allow_narrower_inputs": "it decided nothing here",
    r"release\.versions\.1\.model": "production may be another model's version",
    r"release\.settings\..*-": "a default that is left out is the same default",
    r"action\.files\.\d\.(digest|uri)": "the anchor says the digest",
    r"action\.applied_s": "a time that was measured",
    r"evaluation\.(champion_)?latency\.p\d+_ms": "times that were measured",
    r"evaluation\.dataset_digest": "the data set says it",
    r"evaluation\.classes\[\]\.label": "the data set says it",
    r"evaluation\.warnings": "what the environment lacks stands nowhere else",
    r"forecast\..*": "it foretold, and decided nothing",
    r"poll\.(sources|clients)\..*": "the verdicts that depend on it are compared; others did not",
    r"poll\.weights\.\d-": "to the judge a version without a share is one without a route",
    r"shadow\.poll\.(weights\.\d-|(sources|clients)\..*)": "as of a poll",
    r"event\..*": "what happened besides the plan stands nowhere else",
    r"end\.reason": "what was refused before anything was deployed is said there alone",
}


@cache
def honest(road: str) -> tuple[Line, ...]:
    """The record of a release that went this way."""
    asks: dict[str, str] = {"approval": "required"} if road == "approved" else {}
    if "shadow" in road:
        asks["shadow"] = "60s"
    found = begin() if road == "first" else quick(steps=[10, 50, 100], **asks)
    found.passed = road != "refused"
    found.world.behave("2", error_rate=0.5 if road in BAD else 0.0)
    if road == "by hand":
        found.world.clock.after(20, lambda: ask_for_the_way_back(found))
    if road == "approved":
        found.world.clock.after(240, lambda: approve(found))
    if road == "failed":
        found.world.faults.fail("serving.create")
    with suppress(SluiceError):
        found.walk("1" if road in {"first", "unchanged"} else "2", "r")
    found.recover()
    return tuple(found.record("r"))


def ask_for_the_way_back(found: Scene) -> None:
    operating.roll_back(found.world.platform, NAME, "wrong labels")


def approve(found: Scene) -> None:
    deciding.approve(found.world.platform, "r", "seen")


PART = {
    "approved": "action",
    "after its shadow": "action",
    "rolled back in its shadow": "shadow",
}
"""Of which lines each forges: the others are as on the other roads."""
BAD = ("rolled back", "rolled back in its shadow")
ROADS = (
    *("promoted", "rolled back", "refused", "by hand", "failed", "first", "unchanged"),
    *PART,
)


def told(road: str) -> Forged:
    """Kind, time and body of each line."""
    return [(line.kind, line.at, msgspec.json.decode(line.content)) for line in honest(road)]


def is_found(forged: Forged) -> bool:
    try:
        return bool(replay(record.parse(chained(forged), "forged")).findings)
    except InputError:
        return True


def others(value: Any) -> Iterator[Any]:
    """Values that somebody may write instead."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield value * 2 + 3
    elif isinstance(value, str):
        yield f"3{value}" if value.endswith("s") else f"{value}0"
    elif value is None:
        yield 1
    elif isinstance(value, list):
        yield [*value, *value] or ["x"]
        if value:
            yield value[:-1]
    else:
        yield {**value, "x": next(iter(value.values()), 1)}


def forgeries(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Each place in a body, and a body in which it is another; a place that is gone ends in `-`."""
    if isinstance(value, dict):
        edges = "+Inf" in value  # which are all alike
        for key in list(value)[:3] if edges else value:
            yield f"{place}.{key}-", {other: value[other] for other in value if other != key}
            for where, forged in forgeries(value[key], f"{place}.{key}"):
                yield where, {**value, key: forged}
    elif isinstance(value, list):
        for index, each in enumerate(value):
            for where, forged in forgeries(each, f"{place}[]"):
                yield where, [*value[:index], forged, *value[index + 1 :]]
    for forged in others(value):
        yield place, forged


@cache
def missed(road: str) -> frozenset[str]:
    """Where in the record a forgery is not found."""
    lines, tried, found = told(road), set(), set()
    for number, (kind, at, body) in enumerate(lines):
        # Of polls and verdicts the first and one under watch; the long lines of one road suffice.
        key = (kind, number > 7) if kind in {"poll", "verdict", "shadow"} else number
        if key in tried or (kind in {"poll", "release"} and road != ROADS[0]):
            continue
        if kind != PART.get(road, kind):
            continue
        tried.add(key)
        for place, forged in forgeries(body, kind):
            if not is_found([*lines[:number], (kind, at, forged), *lines[number + 1 :]]):
                found.add(place)
    return frozenset(found)


def reason_for(place: str) -> str | None:
    return next((key for key in UNCHECKED if re.fullmatch(key, place)), None)


@pytest.mark.parametrize("road", ROADS)
def test_an_honest_record_holds_and_no_member_can_be_forged_unseen(road: str) -> None:
    assert replay(honest(road)).findings == ()
    assert {place for place in missed(road) if reason_for(place) is None} == set()


def test_no_reason_is_given_for_what_is_found() -> None:
    given = {reason_for(place) for road in ROADS for place in missed(road)}
    assert set(UNCHECKED) - given == set()


@pytest.mark.parametrize("road", ROADS)
def test_a_line_that_was_taken_out_is_found(road: str) -> None:
    lines = told(road)
    unseen = {
        (kind, body.get("alias"))
        for number, (kind, _, body) in enumerate(lines)
        if not is_found([*lines[:number], *lines[number + 1 :]])
    }
    # Without its last line a record is one of a release that is not over; the anchor says more.
    # A registry that is away leaves the alias out; production that is not read, the forecast.
    hidden = {("end", None), ("forecast", None), ("event", None), ("action", "candidate")}
    # What fails before it has deployed anything may have failed before its evaluation.
    assert unseen <= hidden | ({("evaluation", None)} if road == "failed" else set())


@pytest.mark.parametrize("road", ROADS)
def test_a_poll_a_verdict_or_an_end_that_stands_twice_is_found(road: str) -> None:
    lines = told(road)
    for number, (kind, _, _) in enumerate(lines):
        if kind in {"release", "poll", "verdict", "shadow", "end"}:
            assert is_found([*lines[: number + 1], *lines[number:]]), number


def end(outcome: str, reason: str) -> tuple[str, float, Any]:
    return ("end", 1e9, {"outcome": outcome, "reason": reason})


SPLIT = {"action": "set_weights", "applied_s": 0.1}
GIVEN = ("action", 1e9, {**SPLIT, "weights": {"2": 100}})
SAFE = "every watched step found it safe"


@pytest.mark.parametrize(
    ("road", "change", "named"),
    [
        ("promoted", lambda it: [*it, GIVEN], "after the end"),
        ("promoted", lambda it: [each for each in it if each[0] != "verdict"], "without its verd"),
        ("promoted", lambda it: it[:7] + it[8:], "a poll without its verdict"),
        ("promoted", lambda it: [each for each in it if each[0] != "poll"], "follow its poll"),
        (
            "promoted",
            lambda it: [*it[:8], ("novel", 1e9, {}), *it[8:]],
            "'novel' is none of schema",
        ),
        ("rolled back", lambda it: [*it[:-1], end("promoted", SAFE)], "ends promoted"),
        ("rolled back", lambda it: [*it[:-1], end("promoted", SAFE)], "newest verdict is ROLLBACK"),
        ("rolled back", lambda it: [*it[:-1], end("held", it[-1][2]["reason"])], "leads to rolled"),
        ("rolled back", lambda it: [*it[:-2], *it[-1:]], "the split in force is version 1: 90 %"),
        ("rolled back", lambda it: [*it[:-2], GIVEN, *it[-2:]], "after the verdict ROLLBACK"),
        ("refused", lambda it: [*it[:-1], end("promoted", SAFE)], "was not deployed"),
        ("first", lambda it: [*it[:2], *it[3:]], "without a passed evaluation"),
    ],
)
def test_what_does_not_follow_is_said_in_words(
    road: str, change: Callable[[Forged], Forged], named: str
) -> None:
    lines = record.parse(chained(change(told(road))), "forged")
    said = [found.text for found in replay(lines).findings]
    assert any(named in each for each in said), said
    assert all(re.match(r"line \d+: .+: .+", each) and "\n" not in each for each in said)


def test_a_record_that_stands_as_another_release_s_is_found() -> None:
    assert replay(honest("first"), release_id="r").findings == ()
    (found,) = replay(honest("first"), release_id="r2").findings
    assert found.what == "it is the record of r, and stands as that of r2"


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw.replace(b'{"at"', b'{ "at"'),
        lambda raw: raw.replace(b'"kind":"end"', b'"kind":"poll","kind":"end"'),
        lambda raw: raw.replace(b'"outcome":"promoted"', b'"outcome":"held","outcome":"promoted"'),
        lambda raw: raw.replace(b'"body":', b'"aside":1,"body":'),
    ],
)
def test_bytes_that_two_readers_may_read_in_two_ways_are_found(
    change: Callable[[bytes], bytes],
) -> None:
    *before, last = chained(told("first")).splitlines(keepends=True)
    changed = change(last)
    assert changed != last
    hashed = chain.hash_of(changed.rstrip(b"\n")).encode()
    at = changed.rindex(b'"hash":"') + len(b'"hash":"')
    forged = b"".join(before) + changed[:at] + hashed + changed[at + 64 :]
    (found,) = replay(record.parse(forged, "forged")).findings
    assert found.what == "its bytes are not as Sluice writes them"

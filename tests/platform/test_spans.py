"""When predictors were there, whatever happened to whoever wrote it down."""

from collections.abc import Iterator

import obstore
import pytest
from obstore.store import MemoryStore

from components.platform import Span
from components.platform.spans import ObjectSpans

ONE, TWO = ("demo", "1"), ("demo", "2-baseline")
PRICE = "local/machine"


@pytest.fixture
def spans() -> ObjectSpans:
    return ObjectSpans(MemoryStore())


def span(start: float, end: float | None, price: str = PRICE, version: str = "1") -> Span:
    return Span("demo", version, start, end, price)


def test_a_span_goes_from_the_beginning_to_the_end(spans: ObjectSpans) -> None:
    spans.begin(ONE, PRICE, 10.0)
    spans.begin(ONE, PRICE, 12.0)
    assert spans.read([ONE]) == [span(10.0, None)]
    spans.end(ONE, 20.5)
    spans.end(ONE, 30.0)
    spans.begin(ONE, PRICE, 40.0)
    assert spans.read([ONE]) == [span(10.0, 20.5), span(40.0, None)]


def test_a_new_price_is_a_new_span(spans: ObjectSpans) -> None:
    spans.begin(ONE, "", 10.0)
    spans.begin(ONE, PRICE, 12.0)
    assert spans.read([ONE]) == [span(10.0, 12.0, ""), span(12.0, None)]


def test_spans_are_of_one_endpoint_and_arm(spans: ObjectSpans) -> None:
    other = ("demo-2/ä", "1")
    spans.begin(TWO, PRICE, 11.0)
    spans.begin(ONE, PRICE, 10.0)
    spans.begin(other, "", 12.0)
    assert [(s.endpoint, s.version) for s in spans.read([])] == [ONE, TWO, other]
    assert [(s.endpoint, s.version) for s in spans.read([], "demo")] == [ONE, TWO]


def test_after_a_crash_a_span_ends_when_it_was_last_seen(spans: ObjectSpans) -> None:
    spans.begin(ONE, PRICE, 10.0)
    spans.begin(TWO, PRICE, 10.0)
    spans.note([(ONE, PRICE), (TWO, PRICE)], 70.0)
    spans.note([(ONE, PRICE), (TWO, PRICE)], 130.0)
    # The machine has lost its power; an hour later the predictors are started again.
    spans.interrupted()
    spans.note([(ONE, PRICE)], 3600.0)
    assert spans.read([ONE]) == [
        span(10.0, 130.0),
        span(10.0, 130.0, version="2-baseline"),
        span(3600.0, None),
    ]


def test_another_number_of_predictors_has_a_span_of_its_own(spans: ObjectSpans) -> None:
    spans.begin(ONE, PRICE, 10.0)
    spans.note([(ONE, PRICE)], 60.0, {ONE: 4})
    spans.begin(ONE, PRICE, 90.0)
    spans.note([(ONE, PRICE)], 120.0, {ONE: 4})
    spans.note([(ONE, PRICE)], 180.0, {ONE: 0})
    spans.note([(ONE, PRICE)], 240.0, {ONE: 1})
    found = spans.read([ONE])
    assert [(each.start, each.end, each.replicas) for each in found] == [
        (10.0, 60.0, 1),
        (60.0, 180.0, 4),
        (180.0, 240.0, 0),
        (240.0, None, 1),
    ]


def test_what_was_not_written_is_found_out_later(spans: ObjectSpans) -> None:
    spans.begin(ONE, PRICE, 10.0)
    spans.note([(ONE, PRICE)], 60.0)
    # The store took neither the end of this one nor the beginning of the other.
    assert spans.read([TWO]) == [span(10.0, 60.0)]
    spans.note([(TWO, PRICE)], 120.0)
    assert spans.read([TWO]) == [span(10.0, 60.0), span(120.0, None, version="2-baseline")]


def test_what_comes_back_later_was_away_meanwhile(spans: ObjectSpans) -> None:
    spans.begin(ONE, PRICE, 10.0)
    spans.note([(ONE, PRICE)], 60.0)
    spans.note([], 120.0)
    spans.note([(ONE, PRICE)], 300.0)
    assert spans.read([ONE]) == [span(10.0, 60.0), span(300.0, None)]


def test_an_end_that_comes_late_is_the_true_one(spans: ObjectSpans) -> None:
    spans.begin(ONE, PRICE, 10.0)
    late = ObjectSpans(spans.store)
    (open_one,) = late._open(ONE)
    spans.note([], 60.0)
    late._end(open_one, 55.0)
    assert spans.read([]) == [span(10.0, 55.0)]


def test_two_who_begin_a_span_at_once_bill_it_once(spans: ObjectSpans) -> None:
    elsewhere = ObjectSpans(MemoryStore())
    spans.begin(ONE, PRICE, 10.0)
    elsewhere.begin(ONE, PRICE, 10.4)
    for path in obstore.list(elsewhere.store).collect():
        content = bytes(obstore.get(elsewhere.store, path["path"]).bytes())
        obstore.put(spans.store, path["path"], content)
    seconds = [(s.start, s.end) for s in spans.read([ONE])]
    assert seconds == [(10.0, 10.0), (10.4, None)]
    spans.end(ONE, 20.0)
    assert [(s.start, s.end) for s in spans.read([])] == [(10.0, 10.4), (10.4, 20.0)]


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b'{"price": 1}'])
def test_a_damaged_object_is_billed_as_unpriced(spans: ObjectSpans, content: bytes) -> None:
    spans.begin(ONE, PRICE, 10.0)
    (path,) = [
        found["path"]
        for found in obstore.list(spans.store).collect()
        if found["path"].endswith("began")
    ]
    obstore.put(spans.store, path, content)
    obstore.put(spans.store, path.replace("began", "seen"), content)
    assert spans.read([ONE]) == [span(10.0, None, "")]
    assert spans.read([]) == [span(10.0, 10.0, "")]


def test_who_begins_while_others_are_noted_has_not_ended(spans: ObjectSpans) -> None:
    spans.begin(ONE, PRICE, 0.0)

    def present() -> Iterator[tuple[tuple[str, str], str]]:
        yield ONE, PRICE
        spans.begin(TWO, PRICE, 65.0)

    spans.note(present(), 70.0)
    assert [span.end for span in spans.read([ONE, TWO])] == [None, None]

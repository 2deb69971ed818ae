"""A board's queries as Grafana would send them."""

import math

import httpx
import pytest

from components.errors import InputError, PlatformError, Unreachable
from dashboards import boards
from dashboards.live import asking, look, server
from dashboards.live.choice import resolve
from dashboards.live.server import Found, Server, Span
from tests.support.prometheus import NOW, Wire

ENDPOINT = boards.load("endpoint")


def wire(value: float | None = 1.0) -> Wire:
    return Wire(lambda _: value)


def test_a_variable_takes_what_is_given_else_the_first_and_of_several_all() -> None:
    found = resolve(ENDPOINT, wire().server(), NOW - 60, NOW, {"endpoint": ["b"]})
    assert found.values["namespace"] == ("local",)
    assert found.values["endpoint"] == ("b",)
    assert found.values["version"] == ("1", "2")
    assert found.filled()["version"] == "(1|2)"


def test_a_variable_is_asked_for_with_those_before_it_filled_in() -> None:
    asked = wire()
    resolve(ENDPOINT, asked.server(), NOW - 60, NOW, {})
    last = asked.asked[-1][1]["match[]"]
    assert last == 'sluice_version_info{namespace="local",endpoint="a"}'


def test_regex_characters_of_one_of_several_stand_behind_two_backslashes() -> None:
    asked = Wire(
        lambda _: 1.0, {"namespace": ("n",), "endpoint": ("e",), "model_version": ("1.2",)}
    )
    found = resolve(ENDPOINT, asked.server(), NOW - 60, NOW, {})
    assert found.filled()["version"] == r"1\\.2"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"endpint": ["a"]}, "no variable 'endpint': it has datasource, namespace, endpoint"),
        ({"endpoint": ["c"]}, "no endpoint 'c' in that time: there is a, b"),
    ],
)
def test_a_wrong_choice_is_refused_with_what_there_is(
    given: dict[str, list[str]], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        resolve(ENDPOINT, wire().server(), NOW - 60, NOW, given)


def test_a_rate_is_over_four_scrapes_and_over_a_step_and_a_scrape() -> None:
    assert asking.intervals(Span(0, 60, 1), 1)["__rate_interval"] == "4s"
    assert asking.intervals(Span(0, 3600, 15), 1)["__rate_interval"] == "16s"
    assert asking.intervals(Span(0, 3600, 15), 15)["__rate_interval"] == "60s"
    assert asking.intervals(Span(0, 3600, 15), 1)["__range"] == "3600s"


def test_a_time_has_at_most_so_many_points_at_multiples_of_its_step() -> None:
    span = asking.span_of(1003.0, 1003.0 + 86_400, 1)
    assert (span.end - span.start) / span.step <= asking.POINTS
    assert span.start % span.step == span.end % span.step == 0
    assert asking.span_of(0, 60, 15).step == 15


def test_the_shortest_scrape_counts() -> None:
    assert wire().server().scrape_interval_s() == 1.0


@pytest.mark.parametrize("name", boards.NAMES)
def test_no_query_is_sent_with_a_variable_left_in_it(name: str) -> None:
    asked = wire()
    seen = look.at(boards.load(name), asked.server(), {}, None, NOW)
    targets = sum(len(panel.get("targets", ())) for panel in boards.load(name)["panels"])
    assert len(seen.answers) == targets
    assert not any("$" in text for _, asked_of in asked.asked for text in asked_of.values())


def test_an_instant_target_is_asked_at_the_end_and_any_other_over_the_time() -> None:
    asked = wire()
    seen = look.at(ENDPOINT, asked.server(), {}, NOW - 3600, NOW)
    for answer in seen.answers:
        assert len(answer.found[0].points) == 1 if answer.instant else 200


def test_what_has_no_series_or_no_number_is_empty() -> None:
    full = look.at(ENDPOINT, wire().server(), {}, None, NOW).answers
    none = look.at(ENDPOINT, wire(None).server(), {}, None, NOW).answers
    nan = look.at(ENDPOINT, wire(math.nan).server(), {}, None, NOW).answers
    assert not any(answer.is_empty for answer in full)
    assert all(answer.is_empty for answer in (*none, *nan))


def test_a_mark_of_a_beginning_is_exact_and_one_of_an_end_is_where_its_run_begins() -> None:
    def values(query: str) -> float | None:
        if "started_timestamp" in query:
            return 1000 * (NOW - 100)
        return 1.0 if "finished" in query else None

    span = Span(NOW - 600, NOW, 60)
    choice = resolve(ENDPOINT, wire().server(), NOW - 600, NOW, {})
    found = asking.marks(ENDPOINT, Wire(values).server(), choice, span)
    began = [at for at, text, _ in found if "began" in text]
    ended = [(at, text, colour) for at, text, colour in found if "began" not in text]
    assert began == [NOW - 100]
    assert ended == [(NOW - 560, "a: some-outcome", "orange")]


def test_marks_are_looked_for_in_a_time_shorter_than_their_step_and_in_a_long_one() -> None:
    for length in (5.0, 30 * 86_400.0):
        asked = wire()
        look.at(ENDPOINT, asked.server(), {}, NOW - length, NOW)
        ranges = [of for path, of in asked.asked if path == "query_range"]
        assert all(float(of["start"]) <= float(of["end"]) for of in ranges)
        points = [(float(of["end"]) - float(of["start"])) / float(of["step"]) for of in ranges]
        assert max(points) < 11_000


def test_an_empty_time_is_refused() -> None:
    with pytest.raises(InputError, match="choose a --from before --to"):
        look.at(ENDPOINT, wire().server(), {}, NOW, NOW - 1)


def answering(response: httpx.Response) -> Server:
    transport = httpx.MockTransport(lambda _: response)
    return Server(httpx.Client(base_url="http://p", transport=transport))


def test_what_prometheus_refuses_is_told_in_its_words() -> None:
    refused = httpx.Response(400, json={"status": "error", "error": "parse error at 3"})
    with pytest.raises(PlatformError, match="parse error at 3"):
        answering(refused).instant("up{", NOW)


def test_what_is_no_prometheus_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="sluice up"):
        answering(httpx.Response(502, text="<html>")).instant("up", NOW)


def test_a_scalar_is_a_series_without_labels() -> None:
    data = {"resultType": "scalar", "result": [NOW, "3"]}
    found = answering(httpx.Response(200, json={"status": "success", "data": data}))
    assert found.instant("3", NOW) == [Found({}, ((NOW, 3.0),))]


def test_a_connection_is_closed_behind_whoever_asks() -> None:
    with server.connected("http://127.0.0.1:1") as prometheus, pytest.raises(Unreachable):
        prometheus.instant("up", NOW)
    assert prometheus.client.is_closed

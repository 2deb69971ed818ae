"""What lines say: one type for each kind, open to kinds and fields that come later."""

import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from cli import sluice
from components import record, schemas
from components.backtest.replay import replay
from components.errors import InputError
from components.evaluation.result import ClassResult, EvaluationResult
from components.judge import Eta, Poll, Sample, Verdict, begin, observe
from components.judge.budget import Budget
from components.platform.memory import World
from components.record import (
    SCHEMA,
    AliasSet,
    BaselineSet,
    Body,
    Count,
    Covered,
    Decided,
    Deployed,
    Ended,
    EvaluationSkipped,
    Fetched,
    ForecastMade,
    Held,
    Line,
    MirrorSet,
    Noted,
    Opened,
    Record,
    Scaled,
    Shadowed,
    Unknown,
    Wait,
    WeightsSet,
    lines,
)
from components.release.context import opened
from components.release.state import fold
from components.report.line import describe
from tests.support.endpoints import endpoint
from tests.support.polls import Gateway
from tests.support.records import chained, write, written
from tests.support.schema import faults
from tests.support.worlds import quick, scores

ENDPOINT = endpoint(release={"steps": [10, 100]})
HEAD = Opened(
    schema=SCHEMA,
    release_id="r",
    endpoint="demo",
    model="demo",
    candidate="2",
    champion="1",
    release_kind="re-release",
    run_id="0" * 32,
    settings=ENDPOINT.model_dump(mode="json"),
)


def a_verdict() -> Verdict:
    policy = ENDPOINT.release.policy()
    state = begin(policy, "1", "2")
    for poll in Gateway().watch(3):
        state, verdict = observe(policy, state, poll)
    assert verdict.evidence
    return verdict


BODIES: list[tuple[str, Body]] = [
    ("release", HEAD),
    ("release", msgspec.structs.replace(HEAD, champion=None, release_kind="first")),
    ("evaluation", scores()),
    ("evaluation", scores(False)),
    (
        "evaluation",
        msgspec.structs.replace(
            scores(), classes=(ClassResult("größer", 3, 1.0, 0.5, 0, 1, 0.5, 1.0),)
        ),
    ),
    ("evaluation", EvaluationSkipped(skipped="already champion")),
    ("poll", Poll(0.0, {"1": 90.0, "2": 10.0}, {"1": {"a": Sample(1.0, 0.0, {"+Inf": 1.0})}})),
    ("poll", Poll(15.0, {}, {"2": {"größer": None}})),
    ("verdict", a_verdict()),
    ("action", Fetched(version="2", files={"2": {"digest": "d", "uri": "u"}})),
    ("action", Deployed(versions=("1", "2"))),
    ("action", BaselineSet(arm="1-baseline", reason="there is room")),
    ("action", Scaled(t=61.5, replicas={"1": Count(4, 4, 4), "größe": Count(1, 2, 1)})),
    ("action", Covered(arm="2", reason="its pod has gone")),
    ("shadow", Shadowed(Poll(1.0, {"1": 50.0, "2-shadow": 50.0}, {}), a_verdict())),
    ("action", MirrorSet(version="2", percent=20, applied_s=0.01)),
    ("action", MirrorSet(version="2", percent=20, applied_s=0.01, p95_ratio=2.0)),
    ("action", WeightsSet(weights={"1": 90, "2": 10}, applied_s=0.01)),
    ("action", AliasSet(alias="champion", version="2")),
    ("action", Held(step=100, t=61.5, waits=(Wait("approval", "ask"), Wait("pause", "by a")))),
    ("action", Held(step=100, t=76.5, waits=())),
    ("action", Decided(number=1, says="approve", by="größe@x", decided_at=2.5, reason="seen")),
    ("action", Decided(number=2, says="pause", by="a", decided_at=3.5)),
    ("event", Noted("step_failed", 'a "quote", a \\ and a\nline')),
    ("event", Noted("resumed")),
    ("end", Ended("held", "undecided")),
]


def a_forecast() -> ForecastMade:
    """As a release makes it."""
    found = quick()
    found.walk("2", "r")
    (made,) = record.of(found.record("r"), ForecastMade)
    assert made.faults
    return made


@pytest.mark.parametrize(("kind", "body"), BODIES, ids=[type(body).__name__ for _, body in BODIES])
def test_a_line_is_read_as_it_was_written(kind: str, body: Body) -> None:
    content = written([(1.0, (body,))])
    (line,) = record.parse(content, "record", whole=True)
    assert line.body == body
    assert line.kind == lines.kind_of(body) == kind == json.loads(content)["kind"]
    assert line.unknown_fields() == {}
    assert msgspec.json.decode(line.content) == json.loads(content)["body"]


def test_every_type_of_line_was_tried() -> None:
    tried = {type(body) for _, body in BODIES} | {ForecastMade, Unknown}
    assert tried == set(Body.__args__)


def test_a_forecast_is_read_as_it_was_written() -> None:
    made = a_forecast()
    (line,) = record.parse(written([(1.0, (made,))]), "record")
    assert line.body == made
    assert isinstance(made.faults[0], Eta)
    assert isinstance(made.budget, dict | Budget)


def test_a_record_reads_the_same_from_the_store_and_from_memory() -> None:
    found = quick()
    found.walk("2", "r")
    world = found.world
    mine = Record(world.platform.records, "r2", world.clock)
    for line in found.record("r"):
        mine.append(line.body)
    theirs = Record(world.platform.records, "r2", world.clock)
    assert mine.lines() == theirs.lines()
    assert [line.body for line in theirs.lines()] == [line.body for line in found.record("r")]


def test_every_line_of_a_release_has_the_schema_s_form() -> None:
    schema = json.loads(schemas.path("record").read_text(encoding="utf-8"))
    found = quick()
    found.walk("2", "r")
    found.world.behave("2", error_rate=0.5)
    found.passed = False
    found.world.register("demo")
    found.walk("3", "r2")
    content = b"".join(
        Record(found.world.platform.records, each, found.world.clock).content()
        for each in ("r", "r2")
    )
    kinds = set()
    for raw in content.splitlines():
        assert faults(schema, json.loads(raw)) == []
        kinds.add(json.loads(raw)["kind"])
    assert kinds >= {"release", "evaluation", "forecast", "poll", "verdict", "action", "end"}
    for _, body in BODIES:
        assert faults(schema, json.loads(written([(1.0, (body,))]))) == []


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("end", {"outcome": "promoted"}, "reason is missing"),
        ("end", {"outcome": "won", "reason": ""}, "'won' is not one of"),
        (
            "action",
            {"action": "set_weights", "weights": {"1": "all"}, "applied_s": 0},
            "none of the alternatives",
        ),
        ("poll", {"t": -1, "weights": {}, "sources": {}}, "out of bounds"),
        ("poll", {"t": 1, "weights": {}, "sources": {}, "more": 1}, "more is unknown"),
        ("evaluation", {"passed": True}, "none of"),
    ],
)
def test_what_has_not_the_schema_s_form_is_told(kind: str, body: object, said: str) -> None:
    schema = json.loads(schemas.path("record").read_text(encoding="utf-8"))
    (fault,) = faults(schema, json.loads(chained([(kind, 1.0, body)])))
    assert said in fault
    later = json.loads(chained([("cost", 1.0, {"euros": 3})]))
    assert faults(schema, later) == []


# A record of a later schema. ---------------------------------------------------------------------

LATER = SCHEMA + 1


def builtins(body: Body) -> dict[str, object]:
    made: dict[str, object] = json.loads(msgspec.json.encode(body))
    return made


@pytest.fixture
def later(tmp_path: Path) -> Path:
    """A record whose lines say more than this version understands."""
    head = builtins(msgspec.structs.replace(HEAD, schema=LATER, release_kind="canary"))
    poll = {
        "t": 15.0,
        "weights": {"1": 100.0},
        "sources": {"1": {"a": {"requests": 1, "errors": 0, "buckets": {}, "tokens": 9}}},
        "gpu": 0.5,
    }
    content = chained(
        [
            ("release", 0.0, head | {"region": "eu"}),
            ("event", 1.0, {"event": "resumed", "detail": "", "by": "anna"}),
            ("action", 2.0, {"action": "warm_cache", "keys": 7}),
            ("action", 3.0, {"action": "deploy", "versions": ["2"], "node": "a100"}),
            ("cost", 4.0, {"euros": 3}),
            ("poll", 5.0, poll),
            ("poll", 6.0, {"t": "soon"}),
            ("end", 7.0, {"outcome": "held", "reason": "undecided", "cost": 3}),
        ]
    )
    return write(tmp_path / "record.jsonl", content)


def test_unknown_kinds_forms_and_fields_are_kept(later: Path) -> None:
    found = record.read(later, whole=True)
    assert [line.unknown_fields() for line in found if line.unknown_fields()] == [
        {"region": "eu"},
        {"by": "anna"},
        {"node": "a100"},
        {"gpu": 0.5},
        {"cost": 3},
    ]
    assert record.of(found, Unknown) == [
        Unknown("action", {"action": "warm_cache", "keys": 7}),
        Unknown("cost", {"euros": 3}),
        Unknown("poll", {"t": "soon"}),
    ]
    assert [line.kind for line in found if isinstance(line.body, Unknown)] == [
        "action",
        "cost",
        "poll",
    ]
    (poll,) = record.of(found, Poll)
    assert poll.sources == {"1": {"a": Sample(1.0, 0.0, {})}}
    assert fold(found).outcome == "held"


def test_unknown_kinds_and_fields_are_shown_while_a_release_is_followed(later: Path) -> None:
    said = [describe(line) for line in record.read(later)]
    assert said[0].endswith('(of a later schema: {"region": "eu"})')
    assert said[1] == 'resumed (of a later schema: {"by": "anna"})'
    assert said[2] == 'action (of a later schema): {"action": "warm_cache", "keys": 7}'
    assert said[3] == 'served versions 2 (of a later schema: {"node": "a100"})'
    assert said[4] == 'cost (of a later schema): {"euros": 3}'
    assert said[7] == 'end: held (of a later schema: {"cost": 3})'


def test_unknown_kinds_and_fields_are_shown_by_show_and_report(later: Path) -> None:
    page = later.with_name("page.html")
    said = CliRunner().invoke(sluice, ["show", str(later)], env={"COLUMNS": "200"})
    assert said.exit_code == 0
    made = CliRunner().invoke(sluice, ["report", str(later), "--out", str(page)])
    assert made.exit_code == 0
    drawn = page.read_text(encoding="utf-8")
    for shown in ("warm_cache", "euros", "a100", "anna", "region"):
        assert shown in said.output
        assert shown in drawn
    summary = json.loads(CliRunner().invoke(sluice, ["show", str(later), "--json"]).output)
    assert [each["kind"] for each in summary["later_schema"]] == [
        "release",
        "event",
        "action",
        "action",
        "cost",
        "poll",
        "end",
    ]
    assert summary["later_schema"][4] == {"kind": "cost", "t": 4.0, "content": {"euros": 3}}


def test_a_record_of_a_later_schema_is_not_replayed_or_resumed(later: Path) -> None:
    said = f"is recorded in schema {LATER}, this version understands up to {SCHEMA}: replay it with"
    with pytest.raises(InputError, match=said):
        replay(record.read(later))
    world = World()
    for seq, raw in enumerate(later.read_bytes().splitlines(keepends=True)):
        world.platform.records.append("r", seq, raw)
    said = f"is recorded in schema {LATER}, this version understands up to {SCHEMA}: resume it with"
    with pytest.raises(InputError, match=said), opened("r", world.platform) as release:
        release.state()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("end", {"outcome": "won", "reason": ""}),
        ("end", {}),
        ("action", {"action": "warm_cache"}),
        ("poll", {"t": "soon"}),
        ("evaluation", {"skipped": 3}),
        ("evaluation", {}),
        ("verdict", []),
    ],
)
def test_in_a_record_of_this_schema_a_line_must_have_the_form_of_its_kind(
    kind: str, body: object
) -> None:
    content = chained([("release", 0.0, builtins(HEAD)), (kind, 1.0, body)])
    article = "a" if kind in {"poll", "verdict"} else "an"
    with pytest.raises(InputError, match=f"^here:2: this is not {article} {kind} line"):
        record.parse(content, "here")


def test_an_unknown_kind_is_kept_even_in_a_record_of_this_schema() -> None:
    content = chained([("release", 0.0, builtins(HEAD)), ("cost", 1.0, {"euros": 3})])
    assert record.parse(content, "here")[1].body == Unknown("cost", {"euros": 3})


def test_the_first_line_is_the_release_s() -> None:
    with pytest.raises(InputError, match="does not begin with a 'release' line"):
        record.opened(record.parse(written([(0.0, (Noted("resumed"),))]), "here"))
    with pytest.raises(InputError):
        record.opened([])
    line = Line(0, 0.0, HEAD, "", b"{}")
    assert record.opened([line]) is HEAD
    assert isinstance(scores(), EvaluationResult)

"""Endpoints' files, decision records and files of polls, most of them wrong in one place.

Whoever reads one is told in one line what is wrong with it, or reads it: nothing hangs.
"""

import hashlib
import io
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import yaml
from rich.console import Console

from components import endpoint as endpoints
from components import record
from components.backtest.polls import preflight_of, read_polls, versions
from components.backtest.replay import replay
from components.endpoint import Endpoint
from components.errors import InputError
from components.judge import Policy, judge
from components.record import chain
from components.release.state import fold
from components.report import page, terminal
from components.report import verdict as shown
from components.report.line import describe
from components.report.summary import summary
from components.report.timeline import timeline_of
from tests.fuzz import mutate
from tests.fuzz.run import Ask, Target
from tests.support.endpoints import endpoint
from tests.support.polls import Gateway
from tests.support.worlds import QUICK, Scene, begin, quick

PAGES = 0.02
"""Of the records: drawn as a page too, which takes longest."""


def _read(
    prepare: Callable[[], Any], draw_file: Callable[[Random, Any], bytes], use: Callable[..., str]
) -> Callable[[], AbstractContextManager[Ask]]:
    """Write each case to a file and use it as the commands do; `InputError` says it is refused."""

    @contextmanager
    def opened() -> Iterator[Ask]:
        right = prepare()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "case")

            def ask(draw: Random) -> str:
                path.write_bytes(draw_file(draw, right))
                try:
                    return use(path, draw)
                except InputError as error:
                    _told(str(error), str(path))
                    return "refused"

            yield ask

    return opened


def _told(said: str, path: str) -> None:
    """What is wrong is told in few words, each line with the file or what is in it."""
    assert said, "an error without words"
    assert "Traceback" not in said, said
    assert len(said) < 20_000, f"{said[:500]} and so on"
    assert path in said or "record" in said or "version" in said or "line" in said, said


def _endpoint() -> dict[str, Any]:
    found = endpoint("demo", release=QUICK | {"judge": {"undecided": "hold"}})
    written: dict[str, Any] = found.model_dump(mode="json")
    return written


def _endpoint_file(draw: Random, right: dict[str, Any]) -> bytes:
    turn = draw.random()
    made = mutate.value(draw, right) if turn < 0.7 else right
    as_json = draw.random() < 0.5
    try:
        text = json.dumps(made) if as_json else yaml.safe_dump(made, allow_unicode=True)
    except (yaml.YAMLError, RecursionError):
        text = json.dumps(made)
    written = text.encode("utf-8", "surrogatepass")
    return mutate.content(draw, written) if turn > 0.6 else written


def _use_endpoint(path: Path, _: Random) -> str:
    found = endpoints.load(path)
    endpoints.refuse_undecidable(found)
    assert Endpoint.model_validate(found.model_dump(mode="json")) == found
    return f"read: {found.release.policy().method}"


def _polls() -> list[dict[str, Any]]:
    gate = Gateway()
    return [poll.to_json() for poll in (gate.poll(), *gate.watch(4, rps=40))]


def _polls_file(draw: Random, right: list[dict[str, Any]]) -> bytes:
    turn = draw.random()
    made = mutate.value(draw, right) if turn < 0.8 else right
    lines = [json.dumps(each).encode() for each in made] if isinstance(made, list) else [b"{}"]
    written = b"\n".join(lines)
    return mutate.content(draw, written) if turn > 0.7 else written


def _use_polls(path: Path, draw: Random) -> str:
    policy = Policy(method=draw.choice(("sequential", "threshold")), watch_s=60, min_requests=100)
    polls = read_polls(path)
    who = versions(polls, None, None)
    preflight_of(policy, polls, who.champion)
    verdict = judge(policy, who.champion, who.candidate, polls)
    json.dumps(shown.as_json(policy, verdict, who.champion, who.candidate, len(polls)))
    return verdict.decision


Told = list[tuple[str, float, Any]]


def _records() -> list[Told]:
    """A first release, one that was promoted and one that was rolled back."""
    bad = quick()
    bad.world.behave("2", error_rate=0.5)
    roads: tuple[tuple[Scene, str], ...] = ((begin(), "1"), (quick(), "2"), (bad, "2"))
    found = []
    for scene, version in roads:
        scene.walk(version, "r")
        lines = scene.record("r")
        found.append([(each.kind, each.at, msgspec.json.decode(each.content)) for each in lines])
    return found


def _record_file(draw: Random, right: list[Told]) -> bytes:
    turn = draw.random()
    made: Any = draw.choice(right)
    if turn < 0.8:
        # Most of a record are polls: begin with the kind, so that each is tried as often.
        kind = draw.choice(sorted({line[0] for line in made}))
        at = draw.choice([n for n, line in enumerate(made) if line[0] == kind])
        line = list(made[at])
        place = draw.choices((0, 1, 2), (1, 1, 18))[0]
        line[place] = mutate.value(draw, line[place])
        made = [*made[:at], line, *made[at + 1 :]]
        if draw.random() < 0.1:
            made = mutate.value(draw, made)
    written = _chained(made)
    return mutate.content(draw, written) if turn > 0.7 else written


def _chained(lines: Any) -> bytes:
    """A record whose chain is whole, of lines that no `chain.link` would take."""
    content, prev = b"", chain.FIRST
    for seq, line in enumerate(lines if isinstance(lines, list) else [lines]):
        kind, at, body = line if isinstance(line, list | tuple) and len(line) == 3 else (line,) * 3
        said = {"at": at, "body": body, "kind": kind, "prev": prev, "seq": seq}
        text = json.dumps(said, sort_keys=False, separators=(",", ":")).encode()
        prev = hashlib.sha256(text).hexdigest()
        before, _, after = text.rpartition(b',"kind":')
        content += before + b',"hash":"' + prev.encode() + b'","kind":' + after + b"\n"
    return content


def _use_record(path: Path, draw: Random) -> str:
    lines = record.read(path, whole=draw.random() < 0.5)
    for line in lines:
        describe(line)
    said = "read"
    for use in (_replayed, fold, _drawn):
        try:
            found = use(lines)
            said = found if isinstance(found, str) else said
        except InputError as error:
            _told(str(error), str(path))
            said = f"{use.__name__.strip('_')} refused"
    return said


def _replayed(lines: list[record.Line]) -> str:
    result = replay(lines)
    json.dumps(result.to_json())
    return "not reproduced" if result.findings else "reproduced"


def _drawn(lines: list[record.Line]) -> None:
    timeline = timeline_of(lines)
    json.dumps(summary(timeline))
    time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(timeline.state.started_at))
    terminal.show(Console(file=io.StringIO(), width=100), timeline, "the record")
    if hash(lines[-1].hash) % round(1 / PAGES) == 0:
        page.render(timeline, "the record")


TARGETS = (
    Target("endpoint", _read(_endpoint, _endpoint_file, _use_endpoint)),
    Target("record", _read(_records, _record_file, _use_record)),
    Target("polls", _read(_polls, _polls_file, _use_polls)),
)

"""Endpoints' files, decision records and files of polls, most of them wrong in one place.

Whoever reads one is told in one line what is wrong with it, or reads it: nothing hangs.
"""

import hashlib
import io
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import yaml
from rich.console import Console

from components import endpoint as endpoints
from components import notify, record
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
from tests.support.endpoints import endpoint, endpoint_settings
from tests.support.polls import Gateway
from tests.support.worlds import QUICK, Scene, begin, quick

SOME = 0.05
"""Of the cases: what takes longest is tried too."""


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
    named = (path, "record", "version", "line", "release.")
    assert any(name in said for name in named), said


def _endpoints() -> list[dict[str, Any]]:
    """Files that each say one part in full, as what reads YAML takes longest over long ones."""
    found = endpoint("demo", release=QUICK | {"judge": {"undecided": "hold"}})
    full, short = found.model_dump(mode="json"), endpoint_settings("demo")
    parts = [("release", key) for key in full["release"]]
    parts += [("serving", key) for key in full["serving"] if key != "runtime"]
    parts += [("evaluation", key) for key in full["evaluation"]] + [("gateway", None)]
    return [
        short | {part: full[part] if key is None else short.get(part, {}) | {key: full[part][key]}}
        for part, key in parts
    ]


def _endpoint_file(draw: Random, files: list[dict[str, Any]]) -> bytes:
    turn, right = draw.random(), draw.choice(files)
    made = mutate.value(draw, right) if turn < 0.7 else right
    text = json.dumps(made)
    if draw.random() < SOME:
        with suppress(yaml.YAMLError, RecursionError):
            text = yaml.safe_dump(made, allow_unicode=True)
    written = text.encode("utf-8", "surrogatepass")
    return mutate.content(draw, written) if turn > 0.6 else written


def _use_endpoint(path: Path, draw: Random) -> str:
    found = endpoints.load(path)
    if draw.random() < SOME:
        endpoints.refuse_undecidable(found)
        endpoints.refuse_unmeasurable(found)
    assert Endpoint.model_validate(found.model_dump(mode="json")) == found
    return f"read: {found.release.policy().method}"


def _polls() -> list[dict[str, Any]]:
    gate = Gateway()
    return [poll.to_json() for poll in (gate.poll(), *gate.watch(4, rps=40))]


def _moved(draw: Random, lines: list[Any]) -> list[Any]:
    """The lines, now and then with one left out, twice, or in another's place."""
    turn, one, other = draw.random(), draw.randrange(len(lines)), draw.randrange(len(lines))
    if turn < 0.03:
        return lines[:one] + lines[one + 1 :]
    if turn < 0.06:
        return [*lines[:one], lines[other], *lines[one:]]
    if turn < 0.09:
        return [*lines[:one], lines[other], *lines[one + 1 :]]
    return lines


def _polls_file(draw: Random, right: list[dict[str, Any]]) -> bytes:
    turn = draw.random()
    made: list[Any] = list(right)
    if turn < 0.8:
        at = draw.randrange(len(made))
        made[at] = mutate.value(draw, made[at])
    written = b"\n".join(json.dumps(each).encode() for each in _moved(draw, made))
    return mutate.content(draw, written) if turn > 0.7 else written


def _use_polls(path: Path, draw: Random) -> str:
    policy = Policy(method=draw.choice(("sequential", "threshold")), watch_s=60, min_requests=100)
    polls = read_polls(path)
    who = versions(polls, None, None)
    preflight_of(policy, polls, who.champion)
    verdict = judge(policy, who.champion, who.candidate, polls)
    json.dumps(shown.as_json(policy, verdict, who.champion, who.candidate, len(polls)))
    return verdict.decision


Told = list[tuple[Any, Any, Any]]
"""Kind, time and body of each line."""


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
    made = draw.choice(right)
    if turn < 0.8:
        # Most of a record are polls: begin with the kind, so that each is tried as often.
        kind = draw.choice(sorted({line[0] for line in made}))
        at = draw.choice([n for n, line in enumerate(made) if line[0] == kind])
        said, when, body = made[at]
        what = draw.random()
        line = (
            mutate.odd(draw) if what < 0.05 else said,
            mutate.odd(draw) if 0.05 < what < 0.1 else when,
            mutate.value(draw, body) if what > 0.1 else body,
        )
        made = [*made[:at], line, *made[at + 1 :]]
    written = _chained(_moved(draw, made))
    return mutate.content(draw, written) if turn > 0.7 else written


def _chained(lines: Told) -> bytes:
    """A record whose chain is whole, of lines that no `chain.link` would take."""
    content, prev = b"", chain.FIRST
    for seq, (kind, at, body) in enumerate(lines):
        said = {"at": at, "body": body, "kind": kind, "prev": prev, "seq": seq}
        text = json.dumps(said, separators=(",", ":")).encode()
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
    if int(lines[-1].hash[:8], 16) < SOME * 16**8:
        terminal.show(Console(file=io.StringIO(), width=100), timeline, "the record")
        page.render(timeline, "the record")


def _receivers() -> list[dict[str, Any]]:
    mailbox = {"to": "a@b.c", "from": "s@b.c", "smarthost": "smtp.b.c:587", "tls": False}
    return [
        {"page": [{"webhook": {"url": "https://a/b?c=d", "token_file": __file__}}]},
        {"ticket": [{"slack": {"url_file": __file__}}, {"email": mailbox}], "event": []},
        {"quiet": {"from": "20:00", "to": "07:00"}},
    ]


def _use_receivers(path: Path, _: Random) -> str:
    found = notify.load(path)[0]
    json.dumps(notify.config(found))
    return f"read: {len(found.page + found.ticket)}"


TARGETS = (
    Target("endpoint", _read(_endpoints, _endpoint_file, _use_endpoint)),
    Target("record", _read(_records, _record_file, _use_record)),
    Target("receivers", _read(_receivers, _endpoint_file, _use_receivers)),
    Target("polls", _read(_polls, _polls_file, _use_polls)),
)

"""`sluice release`: run a release here and follow its record."""

from __future__ import annotations

import json
import signal
import sys
from typing import TYPE_CHECKING, Any

import click

from components.printing import printable, say

if TYPE_CHECKING:
    from components.engine import Engine, Result, Run
    from components.record import Record

EXIT_CODES = {"promoted": 0, "rolled_back": 3, "held": 4}


@click.command()
@click.argument("endpoint", required=False)
@click.option("--version", "version", default="", help="Default: the one with alias 'candidate'.")
@click.option("--resume", metavar="RELEASE", help="Go on with a release that was interrupted.")
@click.option(
    "--engine",
    "engine_name",
    metavar="ENGINE",
    help="What runs it: local or argo. Default: the platform's own.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as one JSON object.")
def command(
    endpoint: str | None, version: str, resume: str | None, engine_name: str | None, as_json: bool
) -> None:
    """Release a version of ENDPOINT's model: evaluate, serve, shift, watch, promote or roll back.

    Ctrl-C ends the release safely: the champion gets its traffic back. Argo goes on without
    whoever follows, so there Ctrl-C asks first.

    Exit codes: 0 promoted, 1 error, 2 usage, 3 rolled back, 4 held.

    Example: sluice release banking77 --version 2
    """
    from cli import _endpoint, _follow
    from components.errors import InputError
    from components.platform import connect
    from components.plugins import engine_of
    from components.record import Record
    from components.release.context import opened

    if (endpoint is None) == (resume is None):
        raise click.UsageError("name an ENDPOINT, or a release to --resume")
    platform = connect()
    engine: Engine = engine_of(engine_name)()
    if endpoint:
        name = _endpoint.apply(platform, endpoint, engine_name).name
        release_id = engine.release_id(name, version)
    else:
        name, release_id = "", str(resume)
        with opened(release_id, platform) as release:
            state = release.state()
        if state.outcome:
            raise InputError(f"release {resume} has ended: {state.outcome}: {state.reason}")
    record = Record(platform.records, release_id, platform.clock)
    run = engine.submit(name, version, release_id)
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda signum, _: _break_off(engine, run, signum))
    _follow.follow(record, lambda: engine.alive(run), quiet=as_json)
    found = _outcome(record, engine.result(run))
    _print(release_id, found, run.log, as_json)
    sys.exit(EXIT_CODES.get(found["outcome"], 1))


def _break_off(engine: Engine, run: Run, signum: int) -> None:
    """End the run, unless its engine can go on with it and whoever is there wants that."""
    if engine.asks and signum == signal.SIGINT and sys.stdin.isatty():
        signal.signal(signal.SIGINT, signal.default_int_handler)  # again: it shall end
        try:
            ends = click.confirm("\nend the release, so that the champion gets its traffic back?")
        except click.Abort:
            ends = True
        if not ends:
            say(f"it goes on: 'sluice show {run.release_id}' says how")
            sys.exit(1)
    engine.stop(run)


def _outcome(record: Record, result: Result) -> dict[str, Any]:
    """How it went, by the record; only where none began, or none can be read, by the engine."""
    from components.errors import Unreachable
    from components.release.state import fold

    try:
        lines = record.lines()
    except Unreachable as error:
        said = f"{result.message or 'the run ended'}; its record cannot be read now: {error}"
        return {"outcome": "error", "reason": said, "engine": result.code}
    if not lines:
        said = result.message or "the engine said nothing"
        return {"outcome": "error", "reason": said, "engine": result.code}
    state = fold(lines)
    outcome = state.outcome or "error"
    reason = state.reason or "this run stopped before the end: resume it, or the reaper ends it"
    return {"outcome": outcome, "reason": reason, "engine": result.code}


def _print(release_id: str, found: dict[str, Any], engine_log: str, as_json: bool) -> None:
    if as_json:
        say(json.dumps({"release": release_id, **found}))
        return
    from components.report import formatting

    say(f"{formatting.OUTCOMES[found['outcome']]}: {printable(found['reason'])}")
    if found["outcome"] == "error":
        say(f"engine log: {engine_log}", err=True)

"""`sluice release`: run a release here and follow its record."""

from __future__ import annotations

import json
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from components.release.journal import Journal

    from pipelines.engines.contract import Engine, Result

EXIT_CODES = {"promoted": 0, "rolled_back": 3, "held": 4}


@click.command()
@click.argument("endpoint", required=False)
@click.option("--version", "version", default="", help="Default: the one with alias 'candidate'.")
@click.option("--resume", metavar="RELEASE", help="Go on with a release that was interrupted.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as one JSON object.")
def command(endpoint: str | None, version: str, resume: str | None, as_json: bool) -> None:
    """Release a version of ENDPOINT's model: evaluate, serve, shift, watch, promote or roll back.

    Ctrl-C ends the release safely: the champion gets its traffic back.

    Exit codes: 0 promoted, 1 error, 2 usage, 3 rolled back, 4 held.

    Example: sluice release banking77 --version 2
    """
    from components.release.journal import journal, opened

    from cli import _follow
    from components import endpoint as endpoints
    from components.errors import InputError
    from components.platform import connect
    from components.registry import Registry
    from components.release import steps
    from pipelines.engines.local import LocalEngine

    if (endpoint is None) == (resume is None):
        raise click.UsageError("name an ENDPOINT, or a release to --resume")
    platform = connect()
    home = platform.home
    if endpoint:
        name = endpoints.find(endpoint).name
        release_id = steps.new_release_id(name, version, time.time())
    else:
        release_id = str(resume)
        state = opened(home, release_id, Registry(platform.registry_url)).state()
        if state.outcome:
            raise InputError(f"release {resume} has ended: {state.outcome}: {state.reason}")
    log = journal(home, release_id)
    log.folder.mkdir(parents=True, exist_ok=True)
    engine: Engine = LocalEngine()
    run = engine.submit(endpoint or "", version, release_id)
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: engine.stop(run))
    _follow.follow(log, lambda: engine.alive(run), quiet=as_json)
    found = _outcome(log, engine.result(run))
    _print(release_id, found, run.log, as_json)
    sys.exit(EXIT_CODES.get(found["outcome"], 1))


def _outcome(log: Journal, result: Result) -> dict[str, Any]:
    """How it went, by the record; only where none began by what the engine says."""
    if not log.exists():
        said = result.message or "the engine said nothing"
        return {"outcome": "error", "reason": said, "engine": result.code}
    state = log.state()
    outcome = state.outcome or "error"
    reason = state.reason or "this run stopped before the end: resume it, or the reaper ends it"
    return {"outcome": outcome, "reason": reason, "record": str(log.path), "engine": result.code}


def _print(release_id: str, found: dict[str, Any], engine_log: str, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"release": release_id, **found}))
        return
    from components.report import formatting

    click.echo(f"{formatting.OUTCOMES[found['outcome']]}: {found['reason']}")
    if found["outcome"] == "error":
        click.echo(f"engine log: {engine_log}", err=True)

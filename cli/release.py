"""`sluice release`: run a release here and follow its record."""

import json
import signal
import subprocess
import sys
import time
from typing import Any

import click

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
    from cli import _follow
    from components import endpoint as endpoints
    from components.errors import InputError
    from components.platform import connect
    from components.registry import Registry
    from components.release import steps
    from components.release.journal import journal, opened

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
    engine_log = log.folder / "engine.log"
    arguments = [endpoint or "", version, release_id]
    with engine_log.open("ab") as output:
        engine = subprocess.Popen(
            [sys.executable, "-m", "pipelines.engines.local", *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: engine.terminate())
    _follow.follow(log, lambda: engine.poll() is None, quiet=as_json)
    sys.exit(_report(log.folder.name, engine_log, _outcome(log, engine.wait()), as_json))


def _outcome(log: Any, status: int) -> dict[str, Any]:
    if not log.exists():
        return {"outcome": "error", "reason": "", "engine": status}
    state = log.state()
    outcome = state.outcome or "error"
    reason = state.reason or "this run stopped before the end: resume it, or the reaper ends it"
    return {"outcome": outcome, "reason": reason, "record": str(log.path), "engine": status}


def _report(release_id: str, engine_log: Any, result: dict[str, Any], as_json: bool) -> int:
    if not result["reason"]:
        lines = [line for line in engine_log.read_text(errors="replace").splitlines() if line]
        errors = [line for line in lines if "components.errors." in line or "sluice: " in line]
        said = (errors or lines or ["the engine said nothing"])[0].strip()
        result["reason"] = said.partition("Error: ")[2] or said
    if as_json:
        click.echo(json.dumps({"release": release_id, **result}))
    else:
        from components.report import words

        click.echo(f"{words.OUTCOMES[result['outcome']]}: {result['reason']}")
        if result["outcome"] == "error":
            click.echo(f"engine log: {engine_log}", err=True)
    return EXIT_CODES.get(result["outcome"], 1)

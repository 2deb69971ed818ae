"""`sluice pipelines`: the compiled forms, and where else they run."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from components.printing import say


@click.group()
def command() -> None:
    """Compile the pipelines, check the compiled forms, or run one on Kubeflow Pipelines.

    Example: sluice pipelines compile
    """


@command.command("compile")
@click.option("--check", is_flag=True, help="Write nothing; fail if a form is out of date.")
def compile_(check: bool) -> None:
    """Write pipelines/compiled/*/*.yaml from the pipelines: the forms of KFP and of Argo.

    Example: sluice pipelines compile --check
    """
    import tempfile

    from components.errors import InputError
    from pipelines import compiler

    for target, write in compiler.forms():
        name = target.relative_to(compiler.COMPILED)
        if not check:
            target.parent.mkdir(parents=True, exist_ok=True)
            write(target)
            say(f"{name}: written")
            continue
        with tempfile.TemporaryDirectory() as folder:
            fresh = Path(folder, target.name)
            write(fresh)
            if not target.exists() or compiler.structure(fresh) != compiler.structure(target):
                raise InputError(f"{target} is out of date: run 'sluice pipelines compile'")
        say(f"{name}: up to date")


@command.group()
def submit() -> None:
    """Run a pipeline on another engine.

    Example: sluice pipelines submit release fraud --engine kfp --host URL
    """


@submit.command("release")
@click.argument("endpoint")
@click.option("--version", default="", help="Default: the one with alias 'candidate'.")
@click.option("--engine", type=click.Choice(["kfp"]), default="kfp", help="What runs it.")
@click.option("--host", required=True, metavar="URL", help="The server of KFP.")
@click.option(
    "--image",
    required=True,
    envvar="SLUICE_STEPS_IMAGE",
    help="The steps' image, with its digest. Default: $SLUICE_STEPS_IMAGE.",
)
@click.option("--cron", metavar="EXPR", help="Ask again and again: five fields, in UTC.")
@click.option("--namespace", default="", help="Of the runs, where a KFP has several (profiles).")
@click.option("--account", default="", help="Service account of the runs. Default: sluice-step.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    envvar="KF_PIPELINES_SA_TOKEN_PATH",
    help="Holds the token for KFP. Default: $KF_PIPELINES_SA_TOKEN_PATH.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was begun as one JSON object.")
def release_(
    endpoint: str,
    *,
    version: str,
    engine: str,
    host: str,
    image: str,
    cron: str | None,
    namespace: str,
    account: str,
    token_file: Path | None,
    as_json: bool,
) -> None:
    """Run the release of ENDPOINT on Kubeflow Pipelines, now or by the clock.

    Uploads the pipeline as a new version, if it is one, and prints the link of the run. With
    --cron the clock looks for a candidate and releases it; what it missed it makes up for once.

    Example: sluice pipelines submit release fraud --host https://kubeflow.example/pipeline
    """
    from contextlib import closing

    from cli import _endpoint
    from components.errors import InputError
    from components.platform import connect
    from pipelines import pods, schedule, submission
    from pipelines.engines.kubeflow import Kubeflow

    team = os.environ.get("SLUICE_NAMESPACE", "")
    if os.environ.get("SLUICE_PLATFORM") != "cluster" or not team:
        raise InputError(
            "KFP runs releases of a cluster, and its pods are in a namespace of their own: set"
            " SLUICE_PLATFORM=cluster and SLUICE_NAMESPACE to the team's"
        )
    if cron and version:
        raise click.UsageError("--cron releases what has the alias 'candidate': no --version")
    times = schedule.parse(cron) if cron else None
    runs = submission.Runs(image, team, account or pods.ACCOUNT)
    platform = connect()
    found = _endpoint.apply(platform, endpoint)
    with closing(Kubeflow(host, lambda: _token(token_file), namespace)) as server:
        if times is None:
            made = submission.release(server, platform, found, version, runs)
        else:
            made = submission.recurring(server, found, times, runs)
    said: dict[str, Any] = {"engine": engine, "pipeline": made.version, "url": made.url}
    if times is None:
        said |= {"release": made.release_id, "run": made.run}
        words = f"{made.release_id}: {made.url}\n'sluice show {made.release_id}' says how it goes"
    else:
        first = times.next(datetime.now(UTC)).isoformat(timespec="minutes")
        said |= {"recurring_run": made.run, "replaced": list(made.replaced), "next": first}
        words = f"{found.name}: {made.url}\nit looks for a candidate at {first}"
        words += f", instead of {', '.join(made.replaced)}" if made.replaced else ""
    say(json.dumps(said) if as_json else words)


def _token(file: Path | None) -> str:
    from components.errors import InputError

    if file is None:
        return ""
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--token-file: {file}: {error}") from error

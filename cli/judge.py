"""`sluice judge`: a verdict on polls from a file or from Prometheus."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from cli._numbers import Finite
from cli._times import when
from components.errors import InputError
from components.printing import printable, say

if TYPE_CHECKING:
    from components.judge import Policy, Poll

EXIT_CODES = {"PROMOTE": 0, "ERROR": 1, "ROLLBACK": 3, "HOLD": 4}


class _Source(NamedTuple):
    """Where and when Prometheus is asked."""

    url: str
    style: str
    endpoint: str | None
    start: float | None
    end: float | None
    weight: float


@click.command()
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(path_type=Path),
    required=True,
    help="YAML or JSON: policy keys, a release section, or an endpoint file.",
)
@click.option(
    "--polls",
    "polls_file",
    type=click.Path(path_type=Path),
    help="Polls, one line of JSON each (schemas/poll.schema.json).",
)
@click.option("--champion", help="Version in production.")
@click.option("--candidate", help="Version that is judged.")
@click.option("--prometheus", "url", help="Base URL of a Prometheus to read instead of a file.")
@click.option("--from", "start", callback=when, help="Start of the range; ISO 8601 or epoch.")
@click.option("--to", "end", callback=when, help="End of the range.")
@click.option("--endpoint", help="Endpoint whose versions Prometheus has counters of.")
@click.option(
    "--weight",
    type=Finite(0, 100, min_open=True, max_open=True),
    default=10.0,
    show_default=True,
    help="The candidate's percent of traffic in the range.",
)
@click.option(
    "--query-style",
    type=click.Choice(["sluice", "envoy"]),
    default="sluice",
    show_default=True,
    help="Whose metric names to ask for.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
def command(
    *,
    policy_file: Path,
    polls_file: Path | None,
    champion: str | None,
    candidate: str | None,
    url: str | None,
    start: float | None,
    end: float | None,
    endpoint: str | None,
    weight: float,
    query_style: str,
    as_json: bool,
) -> None:
    """Judge a candidate against production by a policy, after the event.

    Polls come from a file (--polls), or from a Prometheus server: --prometheus, --from, --to,
    --endpoint, --champion and --candidate then say what to read, at the policy's poll distance.

    Without --champion and --candidate, and when the policy file names none, the candidate is the
    version with the smaller weight in the first poll that splits the traffic.

    Histograms that cannot decide the policy's p95 ratio are refused, as before a release.

    Exit codes: 0 PROMOTE, 1 ERROR or refused, 2 usage, 3 ROLLBACK, 4 HOLD.

    Example: sluice judge --policy endpoints/demo.yaml --polls polls.jsonl --json
    """
    from components.backtest.policy_file import load
    from components.backtest.polls import preflight_of, read_polls, versions
    from components.judge import judge
    from components.report import verdict as shown

    if (polls_file is None) == (url is None):
        raise click.UsageError("give either --polls FILE or --prometheus URL")
    settings = load(policy_file)
    champion, candidate = champion or settings.champion, candidate or settings.candidate
    try:
        if polls_file is not None:
            polls = read_polls(polls_file)
        else:
            source = _Source(url or "", query_style, endpoint, start, end, weight)
            polls = _fetch(settings.policy, source, champion, candidate)
        who = versions(polls, champion, candidate)
    except InputError as error:
        if not as_json:
            raise
        say(json.dumps(shown.refused_as_json("unreadable_poll", str(error))))
        sys.exit(EXIT_CODES["ERROR"])
    if who.guessed:
        named = printable(f"judging version {who.candidate} against {who.champion}")
        say(f"{named}: --champion and --candidate say otherwise", err=True)
    before = preflight_of(settings.policy, polls, who.champion)
    if before and not before.ok:
        if not as_json:
            raise InputError(before.text)
        say(json.dumps(shown.refused_as_json("p95_undecidable", before.text)))
        sys.exit(EXIT_CODES["ERROR"])
    verdict = judge(settings.policy, who.champion, who.candidate, polls)
    if as_json:
        found = shown.as_json(settings.policy, verdict, who.champion, who.candidate, len(polls))
        say(json.dumps(found))
    else:
        from rich.console import Console

        console = Console(highlight=False)
        shown.show(console, settings.policy, verdict, who.champion, who.candidate)
    sys.exit(EXIT_CODES[verdict.decision])


def _fetch(
    policy: Policy, source: _Source, champion: str | None, candidate: str | None
) -> list[Poll]:
    from components.metrics.past import Range, fetch_polls

    if source.start is None or source.end is None or not source.endpoint:
        raise click.UsageError("--prometheus needs --from, --to and --endpoint")
    if not champion or not candidate:
        raise click.UsageError("--prometheus needs --champion and --candidate")
    weights = {champion: 100 - source.weight, candidate: source.weight}
    span = Range(source.start, source.end, policy.poll_s)
    return fetch_polls(source.url, source.style, source.endpoint, weights, span)

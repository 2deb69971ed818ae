"""`sluice dashboard`: a board as a self-contained HTML page."""

import json
import time
from pathlib import Path

import click

from cli._times import when
from components.printing import say


@click.command()
@click.argument("name")
@click.option("--out", type=click.Path(path_type=Path), help="Default: NAME.html here.")
@click.option(
    "--from",
    "start",
    callback=when,
    help="Begin: 6h (for ago), ISO 8601 or epoch. Default: the board's own.",
)
@click.option("--to", "end", callback=when, help="End, likewise. Default: now.")
@click.option(
    "--var", "chosen", multiple=True, metavar="NAME=VALUE", help="endpoint=banking77; repeatable."
)
@click.option("--prometheus", "url", help="Base URL. Default: the platform's own.")
@click.option("--json", "as_json", is_flag=True, help="Print every series; write no page.")
def command(
    name: str,
    *,
    out: Path | None,
    start: float | None,
    end: float | None,
    chosen: tuple[str, ...],
    url: str | None,
    as_json: bool,
) -> None:
    """Write the dashboard NAME as one HTML page, as Prometheus answers now.

    NAME is fleet, endpoint, release, cost or drift. The page shows what Grafana would show of the
    same file in dashboards/json/, and needs neither Grafana nor a network.

    Example: sluice dashboard endpoint --var endpoint=banking77 --from 2h
    """
    from components.errors import InputError
    from components.platform import connect
    from dashboards import boards, page
    from dashboards.live import look, server

    board = boards.load(name)
    given = _variables(chosen)
    if url is None:
        platform = connect()
        url = platform.metrics.url
        given.setdefault("mlflow", []).append(platform.registry.url)
    if not url:
        raise InputError("this platform has no Prometheus: name one by --prometheus URL")
    end = time.time() if end is None else end
    with server.connected(url) as prometheus:
        seen = look.at(board, prometheus, given, start, end)
    if as_json:
        say(json.dumps(page.data(seen)))
        return
    out = out or Path(f"{name}.html")
    try:
        out.write_text(page.render(seen), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{out}: {error.strerror}: choose another file by --out") from error
    say(str(out))


def _variables(chosen: tuple[str, ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for text in chosen:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.BadParameter(f"{text!r}: write NAME=VALUE", param_hint="--var")
        found.setdefault(name, []).append(value)
    return found

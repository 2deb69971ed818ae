"""`sluice rules`: the rules that Prometheus loads, from the endpoints' files."""

import json
import sys
from pathlib import Path

import click

from components.printing import say


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Write files into this folder."
)
@click.option("--namespace", default="local", show_default=True, help="Where the endpoints are.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: files by name.")
def command(files: tuple[Path, ...], out: Path | None, namespace: str, as_json: bool) -> None:
    """Make recording rules and alerts from endpoint FILES (default: all of endpoints/).

    One file has what holds for all endpoints, and each endpoint has one of its own. A platform
    that is up does so by itself. An endpoint whose file is wrong has none, and exit code 1 says so.

    Example: sluice rules --out build/rules
    """
    from components import endpoint
    from components.errors import InputError
    from dashboards import rules

    made = {rules.FILE.name: rules.text()}
    wrong = 0
    for file in files or sorted(Path("endpoints").glob("*.yaml")):
        try:
            found = endpoint.load(file)
            made[rules.file_name(found.name)] = rules.of_endpoint(found, namespace)
        except InputError as error:
            wrong += 1
            say(str(error), err=True)
    if out:
        out.mkdir(parents=True, exist_ok=True)
    for name, text in made.items():
        if out:
            (out / name).write_text(text, encoding="utf-8")
        if not as_json:
            say(f"{out / name}: written" if out else f"---\n{text}", nl=bool(out))
    if as_json:
        say(json.dumps({"written": [str(out / name) for name in made]} if out else made))
    sys.exit(1 if wrong else 0)

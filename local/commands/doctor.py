"""`sluice doctor`."""

import json
import sys
from dataclasses import asdict

import click

from components.printing import say


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """Find what is missing or broken on this machine, and say how to fix it.

    Exit code 1 when something is to be mended.

    Example: sluice doctor
    """
    from local import doctor
    from local.home import find_home

    findings = doctor.examine(find_home())
    if as_json:
        say(json.dumps([asdict(finding) for finding in findings]))
    else:
        for finding in findings:
            say(f"{'bad ' if finding.fix else 'ok  '} {finding.what}: {finding.found}")
            if finding.fix:
                say(f"     fix: {finding.fix}")
    sys.exit(1 if any(finding.fix for finding in findings) else 0)

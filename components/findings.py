"""What a doctor found, for people and for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from components.printing import say


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. ``fix`` is empty when it is well."""

    what: str
    found: str
    fix: str = ""


def show(findings: Sequence[Finding], *, as_json: bool) -> bool:
    """Print the findings; True when nothing is to be mended."""
    if as_json:
        say(json.dumps([asdict(finding) for finding in findings]))
    else:
        for finding in findings:
            say(f"{'bad ' if finding.fix else 'ok  '} {finding.what}: {finding.found}")
            if finding.fix:
                say(f"     fix: {finding.fix}")
    return not any(finding.fix for finding in findings)

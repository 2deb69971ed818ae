"""What the commands share by which people decide of a release: who is meant, and what is said."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from components.printing import printable, say

if TYPE_CHECKING:
    from components.platform import Decision, Platform

_DONE = {
    "approve": "approved",
    "reject": "rejected",
    "pause": "paused",
    "resume": "resumed",
}


def meant(platform: Platform, named: str) -> str:
    """The release that a release's id, an endpoint's name or its file means."""
    from cli import _endpoint

    lease = platform.leases.read(_endpoint.under_way(platform, named))
    return lease.release_id if lease else named


def show(decision: Decision, as_json: bool, **more: Any) -> None:
    """Say what was decided, by whom, and what else there is to know; empty texts are left out."""
    if as_json:
        body = {"says": decision.says, "by": decision.by, "reason": decision.reason}
        say(json.dumps({"release": decision.release_id, **body, **more}))
        return
    say(printable(f"{decision.release_id}: {_DONE[decision.says]} by {decision.by}"))
    for text in more.values():
        if text:
            say(printable(str(text)))

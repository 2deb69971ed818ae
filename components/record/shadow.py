"""What a record's lines say of a shadow: copies of production's requests, which no share counts."""

import msgspec

from components.judge import Poll, Verdict


class MirrorSet(msgspec.Struct, frozen=True, tag_field="action", tag="mirror", omit_defaults=True):
    """Copies of production's requests go to the candidate; the next split in force ends it."""

    version: str
    percent: int
    """Of production's requests."""
    applied_s: float
    """Seconds until every proxy copied."""
    p95_ratio: float | None = None
    """By which the p95s are compared where the histogram of copies cannot decide the file's."""


class Shadowed(msgspec.Struct, frozen=True):
    """A poll of the shadow and the judge's verdict on it: of no share, and no evidence of any."""

    poll: Poll
    """Of production and of the candidate's shadow (`components.arms`). Its weights are what each
    got of all requests and copies."""
    verdict: Verdict

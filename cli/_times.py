"""Times of flags."""

import re
import time
from datetime import UTC, datetime

import click


def when(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """Seconds since the epoch, from such seconds, ISO 8601 (UTC where no zone is given), or ``2h``.

    A duration is so long ago.
    """
    from components.durations import seconds

    if value is None:
        return None
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,9})?", value):
        return float(value)
    try:
        return time.time() - seconds(value)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        text = f"{value!r} is not a time: write 2026-11-23T14:00, 1795442400, or 2h for ago"
        raise click.BadParameter(text) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()

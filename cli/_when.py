"""A moment on the command line."""

import re
import time
from datetime import UTC, datetime

import click

_AGO = re.compile(r"now(?:-([0-9]{1,6})([smhd]))?")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def when(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """Seconds since the epoch, from such seconds or ISO 8601 (UTC where no zone is given)."""
    if value is None:
        return None
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,9})?", value):
        return float(value)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        text = f"{value!r} is not a time: write 2026-11-23T14:00 or 1795442400"
        raise click.BadParameter(text) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def when_or_ago(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> float | None:
    """The same, or a time ago as Grafana writes it: ``now``, ``now-6h``."""
    ago = _AGO.fullmatch(value or "")
    if ago is None:
        return when(context, parameter, value)
    return time.time() - (int(ago[1]) * _SECONDS[ago[2]] if ago[1] else 0)

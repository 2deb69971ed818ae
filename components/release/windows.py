"""What of an endpoint's `release.windows` holds a step now: the hours, and alerts that fire."""

from collections.abc import Iterator

from components.endpoint import Endpoint
from components.errors import InputError, PlatformError, Unreachable
from components.platform import Platform
from components.record import Wait


def waits(platform: Platform, endpoint: Endpoint) -> Iterator[Wait]:
    """Everything that holds a step now; what nobody knows holds it too."""
    windows, now = endpoint.release.windows, platform.clock.time()
    if not windows.is_open(now):
        yield Wait("window", f"release.windows is closed until {windows.opens(now)}")
    if not windows.alerts:
        return
    try:
        found = platform.metrics.alerts(windows.alerts, endpoint.name)
    except PlatformError:
        yield Wait("alert", "whether an alert of release.windows fires cannot be read now")
        return
    for name, state in found.items():
        if state == "firing":
            yield Wait("alert", f"alert {name} fires")
        elif state == "unknown":
            yield Wait("alert", f"alert {name} of release.windows has no rule that works")


def refuse_unknown_alerts(platform: Platform, endpoint: Endpoint) -> None:
    """Check that Prometheus knows the alerts that hold a release's steps, if it answers.

    Raises:
        InputError: it does not: one of that name would never hold anything.
    """
    named = endpoint.release.windows.alerts
    try:
        found = platform.metrics.alerts(named, endpoint.name) if named else {}
    except Unreachable:
        return
    if unknown := [name for name, state in found.items() if state == "unknown"]:
        raise InputError(
            f"{endpoint.name}: release.windows.alerts: Prometheus has no rule that works called"
            f" {', '.join(unknown)}: docs/alerts.md has ours; mend the name, or the rule"
        )

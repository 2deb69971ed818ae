"""Alertmanager's configuration: routes by severity, what keeps what back, and the receivers.

For Alertmanager 0.25 and later.
"""

from typing import Any, NamedTuple

from components.notify.receivers import Email, Receiver, Receivers, Slack, Webhook

NOBODY = "nobody"
"""The receiver of what has no severity, or one that nobody wants to be told of."""
NIGHT = "quiet"

MOST_IN_ONE = 100
"""Alerts in one message to a webhook."""

_TITLE = "{{ .CommonLabels.alertname }} {{ .CommonLabels.endpoint }} ({{ .Status }})"
_TEXT = (
    "{{ range .Alerts }}{{ .Annotations.summary }}\n{{ .Annotations.mend }}\n"
    "{{ .Annotations.runbook_url }}\n{{ end }}"
)


class Waits(NamedTuple):
    """How long messages are held back so that alerts go together."""

    first: str = "10s"
    """After the first alert of a group."""
    more: str = "1m"
    """Between two messages of a group that has changed."""


WAITS = Waits()


def config(receivers: Receivers, waits: Waits = WAITS) -> dict[str, Any]:
    """The whole configuration."""
    severities = ("page", "ticket", "event")
    return {
        "route": {
            "receiver": NOBODY,
            "group_by": ["namespace", "endpoint", "alertname"],
            "group_wait": waits.first,
            "group_interval": waits.more,
            "routes": [_route(receivers, severity) for severity in severities],
        },
        "inhibit_rules": _inhibitions(),
        "time_intervals": _nights(receivers),
        "receivers": [
            {"name": NOBODY},
            *(
                {"name": severity, **_sent(getattr(receivers, severity), severity != "event")}
                for severity in severities
            ),
        ],
    }


def _route(receivers: Receivers, severity: str) -> dict[str, Any]:
    route: dict[str, Any] = {"receiver": severity, "matchers": [f'severity="{severity}"']}
    if severity == "event":
        # Each moment is a message of its own, at once, and only once.
        return {**route, "group_by": ["..."], "group_wait": "0s", "repeat_interval": "90h"}
    if severity == "page":
        return {**route, "repeat_interval": "1h"}
    quiet = {"mute_time_intervals": [NIGHT]} if receivers.quiet else {}
    return {**route, "repeat_interval": "24h", **quiet}


def _inhibitions() -> list[dict[str, Any]]:
    blind = "AvailabilityBurn|LatencyBurn|ErrorRateHigh|PredictorNotScraped"
    return [
        # What the gateway counted is not known, so what it says of an endpoint is old.
        {
            "source_matchers": ['alertname="GatewayNotScraped"'],
            "target_matchers": [f'alertname=~"{blind}"'],
        },
        # Somebody is awake for this promise already.
        {
            "source_matchers": ['severity="page"', 'slo=~".+"'],
            "target_matchers": ['severity="ticket"', 'slo=~".+"'],
            "equal": ["namespace", "endpoint", "slo"],
        },
    ]


def _nights(receivers: Receivers) -> list[dict[str, Any]]:
    if receivers.quiet is None:
        return []
    begin, end = receivers.quiet.begin, receivers.quiet.end
    hours = [(begin, end)] if begin < end else [(begin, "24:00"), ("00:00", end)]
    times = [{"start_time": start, "end_time": stop} for start, stop in hours if start != stop]
    return [{"name": NIGHT, "time_intervals": [{"times": times}]}]


def _sent(receivers: tuple[Receiver, ...], resolved: bool) -> dict[str, Any]:
    found: dict[str, list[dict[str, Any]]] = {}
    for each in receivers:
        for name, settings in (
            ("webhook_configs", _webhook(each.webhook) if each.webhook else None),
            ("slack_configs", _slack(each.slack) if each.slack else None),
            ("email_configs", _email(each.email) if each.email else None),
        ):
            if settings:
                found.setdefault(name, []).append({**settings, "send_resolved": resolved})
    return found


def _webhook(to: Webhook) -> dict[str, Any]:
    known = {"authorization": {"credentials_file": to.token_file}} if to.token_file else {}
    return {"url": to.url, "max_alerts": MOST_IN_ONE, "http_config": known}


def _slack(to: Slack) -> dict[str, Any]:
    channel = {"channel": to.channel} if to.channel else {}
    return {"api_url_file": to.url_file, "title": _TITLE, "text": _TEXT, **channel}


def _email(to: Email) -> dict[str, Any]:
    known = (
        {"auth_username": to.username, "auth_password_file": to.password_file}
        if to.username
        else {}
    )
    headers = {"Subject": _TITLE}
    return {
        "to": to.to,
        "from": to.sender,
        "smarthost": to.smarthost,
        "require_tls": to.tls,
        "headers": headers,
        "text": _TEXT,
        **known,
    }

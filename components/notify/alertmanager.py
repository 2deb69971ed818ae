"""Alertmanager, as far as moments are posted to it."""

from datetime import UTC, datetime

import httpx

from components.errors import PlatformError, Unreachable
from components.platform.moments import Moment

LASTS_S = 300.0
"""How long a moment stands, after it was posted, before it counts as resolved."""
TIMEOUT_S = 2.0


class Alertmanager:
    """One Alertmanager by its address.

    Args:
        url: its base URL.
        transport: the wire; httpx's own if None.
    """

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        self._url = url
        self._transport = transport

    def post(self, moment: Moment, now: float) -> None:
        """Tell it of a moment; the same one again is harmless.

        Args:
            moment: what happened.
            now: seconds since the epoch.

        Raises:
            Unreachable: it did not take it now.
            PlatformError: it never will.
        """
        alert = {
            "labels": dict(moment.labels),
            "annotations": dict(moment.annotations),
            # A clock that was set back meanwhile is no reason to refuse what it said.
            "startsAt": _written(min(moment.at, now)),
            "endsAt": _written(now + LASTS_S),
        }
        try:
            with httpx.Client(
                transport=self._transport, timeout=TIMEOUT_S, trust_env=False
            ) as client:
                answer = client.post(f"{self._url}/api/v2/alerts", json=[alert])
        except httpx.HTTPError as error:
            said = f"{error}" or type(error).__name__
            raise Unreachable(f"Alertmanager at {self._url} does not answer: {said}") from error
        if answer.status_code >= 500:
            raise Unreachable(f"Alertmanager at {self._url} answers {answer.status_code}")
        if not answer.is_success:
            raise PlatformError(f"Alertmanager refuses {moment.labels}: {answer.text.strip()}")


def _written(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()

"""Moments as Events on the endpoint's route, for ``kubectl describe`` (`components.platform`)."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from cluster.api import Api, Conflict
from cluster.kinds import EVENT, HTTP_ROUTE, Object
from cluster.names import labels, object_name
from components import gateway
from components.platform import Moment

_LONGEST_NOTE = 1024
"""Of an Event's text, by its definition."""
_LONGEST_REASON = 128
_OUTCOME = "outcome"
"""The label of a moment that says how a release, or a watched step of it, ended."""
_GOOD = {"promoted", "step_passed", "adopted"}


@dataclass(frozen=True)
class Told:
    """Tells of a moment by an Event, then by ``further``.

    Args:
        api: the API server.
        namespace: the team's.
        further: who else tells people.
    """

    api: Api
    namespace: str
    further: Callable[[Moment], None] = lambda _: None

    def __call__(self, moment: Moment) -> None:
        """Tell of it; the same one again is harmless."""
        self.show(moment)
        self.further(moment)

    def show(self, moment: Moment) -> None:
        """Make the Event alone; the same one again is harmless."""
        if gateway.ENDPOINT_LABEL in moment.labels:
            with suppress(Conflict):  # shown before
                self.api.create(EVENT, self.namespace, event(moment, self.namespace))


def event(moment: Moment, namespace: str) -> Object:
    """The Event that says what a moment says, on the route of its endpoint."""
    endpoint = moment.labels[gateway.ENDPOINT_LABEL]
    outcome = moment.labels.get(_OUTCOME, moment.labels.get("alertname", ""))
    whole = repr((sorted(moment.labels.items()), moment.at))
    return EVENT.object(
        {
            # One moment has one name: told twice, it is there once.
            "name": f"{object_name(endpoint)}.{hashlib.sha256(whole.encode()).hexdigest()[:16]}",
            "namespace": namespace,
            "labels": labels("moment", endpoint=endpoint),
        },
        eventTime=datetime.fromtimestamp(moment.at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        type="Normal" if outcome in _GOOD else "Warning",
        reason=_reason(outcome),
        action="Release",
        note=moment.annotations.get("summary", "")[:_LONGEST_NOTE],
        reportingController="sluice.release/sluice",
        reportingInstance="sluice",
        regarding={
            "apiVersion": HTTP_ROUTE.version,
            "kind": HTTP_ROUTE.name,
            "namespace": namespace,
            "name": object_name(endpoint),
        },
    )


def _reason(outcome: str) -> str:
    """``rolled_back`` as ``RolledBack``."""
    return "".join(part.capitalize() for part in outcome.split("_"))[:_LONGEST_REASON] or "Moment"

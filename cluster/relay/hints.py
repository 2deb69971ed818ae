"""What is done about a hint: the releases that it is right about are told to Argo Events."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx

from cluster.relay.deliveries import Candidate
from cluster.teams import runs
from cluster.workflows import template, workflow_name
from components.errors import PlatformError, SluiceError, Unreachable
from components.platform import Platform
from components.release.wanted import Wanted, wanted

log = logging.getLogger("sluice.relay")

Event = dict[str, str]
"""What the sensor makes a workflow of (`manifests/components/events/sensor.yaml`)."""


def event(team: str, found: Wanted) -> Event:
    """The event of one release.

    Raises:
        InputError: its endpoint's file asks for what no workflow can hold.
    """
    return {
        "namespace": runs(team),
        "name": workflow_name(found.release_id),
        "template": template(found.endpoint),
        "endpoint": found.endpoint.name,
        "release_id": found.release_id,
        "version": found.version,
    }


@dataclass(frozen=True)
class Bus:
    """The webhook of Argo Events' source.

    Args:
        url: of it.
        token: that it asks for.
        transport: the wire; httpx's own if None.
    """

    url: str
    token: str
    transport: httpx.BaseTransport | None = None

    def tell(self, said: Event) -> None:
        """Put an event into the bus.

        Raises:
            Unreachable: the source, or its bus, does not answer.
            PlatformError: it refuses.
        """
        with httpx.Client(transport=self.transport, timeout=15, trust_env=False) as client:
            try:
                answer = client.post(
                    self.url, json=said, headers={"authorization": f"Bearer {self.token}"}
                )
            except httpx.HTTPError as error:
                raise Unreachable(f"Argo Events at {self.url}: {error}") from error
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise Unreachable(f"Argo Events at {self.url} answers {answer.status_code}")
        if not answer.is_success:
            raise PlatformError(f"Argo Events at {self.url} refuses: {answer.status_code}")


@dataclass(frozen=True)
class Hints:
    """Follows hints.

    Args:
        teams: every team's platform, by the team's name.
        tell: takes an event.
    """

    teams: Callable[[], dict[str, Platform]]
    tell: Callable[[Event], None]

    def follow(self, hint: Candidate) -> list[str]:
        """Begin what the hint is right about, of every team; the releases that were told of.

        Raises:
            PlatformError: of a team it was not done, and may be tried again.
        """
        told: list[str] = []
        failed: list[PlatformError] = []
        for team, platform in self.teams().items():
            try:
                told += self._follow(team, platform, hint)
            except PlatformError as error:  # one team's trouble is no other's
                log.warning("%s: %s", team, error)
                failed.append(error)
        if failed:
            raise failed[0]
        return told

    def _follow(self, team: str, platform: Platform, hint: Candidate) -> Iterator[str]:
        refused: PlatformError | None = None
        for endpoint in platform.endpoints.names():
            try:
                said = _event(team, platform, endpoint, hint)
                if said:
                    self.tell(said)
                    yield said["release_id"]
            except Unreachable:
                raise
            except PlatformError as error:  # nor is one endpoint's
                refused = error
            except SluiceError as error:
                log.warning("%s: %s", team, error)
        if refused:
            raise refused


def _event(team: str, platform: Platform, endpoint: str, hint: Candidate) -> Event | None:
    """The event of the release that registry and records want of the hint's version, now."""
    if platform.endpoints.load(endpoint).model != hint.model:
        return None
    found = wanted(platform, endpoint)
    return event(team, found) if found and found.version == hint.version else None

"""What a release needs of the place where it runs, as small interfaces.

Memory (`components.platform.memory`), one machine and a cluster implement them, and pass one suite
(`tests/contract/`); the steps never ask which one they have.

Names of endpoints, models and versions are text of any length and alphabet that people chose: an
implementation that has shorter names of its own maps them. A write whose answer was lost may have
been done: each write here may be repeated, or read back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from components.endpoint import Endpoint
from components.identity import Identity
from components.metrics import Alerting, Metered, Reading
from components.platform.clients import Gateway
from components.platform.clock import Clock
from components.platform.decisions import Decisions
from components.platform.leases import Leases
from components.platform.model_registry import ModelRegistry
from components.platform.moments import Moments
from components.platform.running import Readiness, Running, Span
from components.platform.scaling import Scaling
from components.platform.traffic import Traffic


@dataclass(frozen=True)
class StoredVersion:
    """A version's verified files in the platform's store: what a predictor is started from."""

    model: str
    version: str
    digest: str
    """SHA-256 of the manifest, in hexadecimal: with model and number it names what is served."""
    uri: str
    size: int = field(default=0, compare=False)
    """Bytes of all its files by its manifest; 0: nobody has said. Who knows it has no other version
    than who does not."""

    @property
    def identity(self) -> Identity:
        """What the version is, wherever its files are."""
        return Identity(self.model, self.version, self.digest)


@dataclass(frozen=True)
class Room:
    """Whether one predictor more fits in beside those that are there."""

    enough: bool
    why: str
    """What was counted, in a few words for people."""


class Serving(Protocol):
    """Model versions as running predictors, one an arm.

    ``version`` is a version's name at its endpoint (`components.identity`), or its baseline's
    (`components.arms`): what routes and counters call it.
    """

    def create(
        self,
        endpoint: Endpoint,
        stored: StoredVersion,
        name: str = "",
        patience: float | None = None,
    ) -> None:
        """Start (or keep) a predictor of the version whose verified files are ``stored``.

        One that was ready and is not any more is started again.

        Args:
            endpoint: whose.
            stored: the files.
            name: the version's name there, or its baseline's; its number if empty. Users are told
                of the version, never that it was a baseline's predictor that answered.
            patience: seconds that one of that name is waited for which is leaving; see `delete`.

        Raises:
            PlatformError: it is refused, or the one that is leaving has not gone in time.
        """

    def room(self, endpoint: Endpoint) -> Room:
        """Whether one predictor more of the endpoint has room now; nothing is reserved by asking.

        What does not fit may be created all the same.
        """

    def unfit(self, endpoint: Endpoint, stored: StoredVersion, name: str = "") -> str:
        """Why no predictor of these files can run there, in one line with the mend.

        By what the endpoint's file and the platform grant, and certain: empty where it may run.

        Args:
            endpoint: whose.
            stored: the files.
            name: as for `create`.

        Raises:
            Unreachable: nobody knows what the platform grants.
        """

    def stored(self, endpoint: str, version: str) -> StoredVersion | None:
        """What the predictor was created from: the one to ask what serves. None: nobody knows."""

    def readiness(self, endpoint: str, version: str) -> Readiness:
        """Whether the predictor has answered its warm-up inference."""

    def running(self, endpoint: str) -> list[Running]:
        """Each predictor that is there now. One request: it is asked every few seconds.

        Raises:
            Unreachable: nobody knows.
        """

    def delete(self, endpoint: str, version: str, patience: float | None = None) -> None:
        """Drain and stop the predictor, and wait until it has gone; harmless when there is none.

        Args:
            endpoint: whose.
            version: the arm.
            patience: seconds that it is waited for at most; default: as long as its longest request
                may take, and more. The same call goes on where it was given up.

        Raises:
            PlatformError: the version still has a share of the traffic, is mirrored to, or has not
                gone in time.
        """

    def versions(self, endpoint: str) -> list[str]:
        """The arms that have a predictor now, ready or not."""

    def url(self, endpoint: str, version: str) -> str:
        """The predictor's own base URL, past the gateway.

        Raises:
            PlatformError: the version has no predictor.
        """

    def note(self) -> None:
        """Write down which predictors are there: the last word on them if all of it is lost.

        The reaper does so each minute, so that the spans of a platform that crashed have an end.

        Raises:
            Unreachable: the store did not answer.
        """

    def spans(self, endpoint: str = "") -> list[Span]:
        """When predictors were there, oldest first; those of one endpoint if it is given.

        Spans of one arm do not overlap. They outlive the predictors, and crashes of all of it.

        Raises:
            Unreachable: the store did not answer.
        """


class Metrics(Protocol):
    """Raw counters, never rates."""

    @property
    def url(self) -> str:
        """The Prometheus that people may ask; empty where there is none."""

    def sample(self, endpoint: str, versions: Sequence[str], max_age: float) -> Reading:
        """The newest raw counters by version (or other arm) and source.

        A source that was known but not read within ``max_age`` seconds is None; a version that
        nobody has asked yet has counters of zero.

        Raises:
            Unreachable: the metrics server did not answer.
        """

    def unfit(self) -> str:
        """Why what is counted is nothing to judge by, with the mend; empty: it is, as far as known.

        Raises:
            Unreachable: the metrics server did not answer.
        """

    def usage(self, endpoint: str, versions: Sequence[str], start: float, end: float) -> Metered:
        """What each arm was asked and used between two seconds since the epoch, from raw counters.

        Raises:
            Unreachable: the metrics server did not answer.
        """

    def alerts(self, names: Sequence[str], endpoint: str) -> Mapping[str, Alerting]:
        """Which of the named alerts fire now, of the endpoint or of none in particular.

        Raises:
            Unreachable: the metrics server did not answer.
        """


class Records(Protocol):
    """Decision records as segments of bytes: a segment is one or more whole lines.

    A segment's name is the number of its first line, and the store takes a name once: the name is
    the compare-and-swap. What the lines say is `components.record`'s.
    """

    def append(self, release_id: str, seq: int, segment: bytes) -> bool:
        """Add the segment that begins with line ``seq``, if nobody has added one of that number.

        Returns:
            True if it stands (a try whose answer was lost counts), False if another one does.

        Raises:
            Unreachable: the store did not answer; the segment may stand or not.
        """

    def read(self, release_id: str, since: int) -> list[bytes]:
        """The segments that begin with line ``since`` or a later one, in order; [] if none."""

    def releases(self) -> list[str]:
        """Every release that has a record."""

    def pending(self) -> list[str]:
        """The releases whose record has not been closed."""

    def join(self, release_id: str) -> None:
        """Join the segments: the release has ended, and its end was reported. May be repeated."""

    def is_joined(self, release_id: str) -> bool:
        """Whether that was done."""

    def close(self, release_id: str) -> None:
        """Join the segments; nothing of the release is left to do. May be repeated."""


class Files(Protocol):
    """The verified files of versions, and data sets."""

    def find(self, model: str, version: str, digest: str) -> StoredVersion | None:
        """The version's files, if they were put."""

    def lost(self, stored: StoredVersion) -> str:
        """What is gone of the version's files since they were put; empty: they are whole.

        Names and sizes are compared, and no file is read.
        """

    def put(self, model: str, version: str, digest: str, folder: Path) -> StoredVersion:
        """Keep the files in ``folder``, which were verified against ``digest``."""

    def get(self, stored: StoredVersion, folder: Path) -> None:
        """Copy the files into the new folder ``folder``.

        Raises:
            ArtifactError: they are missing, or differ from what ``stored.digest`` names.
        """

    def read(self, uri: str, limit: int) -> bytes:
        """The object or file at ``uri``.

        Raises:
            InputError: there is none, it is larger than ``limit`` bytes, or the address is wrong.
            Unreachable: the store did not answer.
        """

    def write(self, uri: str, content: bytes) -> None:
        """Put an object, replacing what was there."""


class Endpoints(Protocol):
    """The endpoints' files, as the platform knows them."""

    def load(self, name: str) -> Endpoint:
        """The endpoint called ``name``.

        Raises:
            InputError: there is none, or its file is wrong.
        """

    def apply(self, text: str, source: str) -> Endpoint:
        """Check the file ``text`` (``source`` names it in errors) and make it the endpoint's.

        Raises:
            InputError: it is wrong; what stood before stays.
        """

    def names(self) -> list[str]:
        """Every endpoint."""


@dataclass(frozen=True)
class Platform:
    """One place where models are served."""

    serving: Serving
    scaling: Scaling
    traffic: Traffic
    metrics: Metrics
    leases: Leases
    decisions: Decisions
    records: Records
    files: Files
    endpoints: Endpoints
    gateway: Gateway
    registry: ModelRegistry
    moments: Moments
    clock: Clock
    place: str = ""
    """Whose it is, where several share one store of records: a team. Empty: it has its own."""

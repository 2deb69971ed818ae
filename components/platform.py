"""What a release needs of the place where it runs, as four small interfaces.

The laptop (`local/`) and a cluster implement them; the steps never ask which one they have.
An implementation announces itself as an entry point of the group ``sluice.platforms``.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol

from components.endpoint import Endpoint
from components.errors import InputError
from components.metrics import Reading

Weights = Mapping[str, int]
"""Traffic share in percent by model version; the values sum to 100."""


@dataclass(frozen=True)
class Lease:
    """Who may change an endpoint's traffic, and until when.

    ``deadline`` is in seconds since the epoch; after it the reaper finishes the release. ``token``
    is the compare-and-swap handle: the store gives a new, higher one with every change.
    """

    endpoint: str
    release_id: str
    holder: str
    deadline: float
    token: int = 0


class Serving(Protocol):
    """Model versions as running predictors."""

    def create(self, endpoint: Endpoint, version: str, bundle: Path) -> None:
        """Start (or keep) a predictor of ``version`` from the verified files in ``bundle``."""

    def ready(self, endpoint: Endpoint, version: str) -> bool:
        """True once the predictor has answered its warm-up inference."""

    def delete(self, endpoint: Endpoint, version: str) -> None:
        """Drain and stop the predictor; harmless when there is none."""

    def versions(self, endpoint: Endpoint) -> list[str]:
        """The versions that have a predictor now, ready or not."""

    def url(self, endpoint: Endpoint, version: str) -> str:
        """The predictor's own base URL, past the gateway."""


class Traffic(Protocol):
    """The split of an endpoint's requests between versions."""

    def set_weights(self, endpoint: Endpoint, weights: Weights) -> None:
        """Ask for the split; an empty mapping removes the route."""

    def weights(self, endpoint: Endpoint) -> dict[str, int]:
        """The split last asked for; empty when the endpoint has no route."""

    def wait_applied(self, endpoint: Endpoint, weights: Weights, timeout: float) -> float:
        """Block until the gateway itself reports the split; return the seconds it took.

        Raises:
            PlatformError: it was refused or did not show within ``timeout`` seconds.
        """


class Metrics(Protocol):
    """Raw counters, never rates."""

    def sample(self, endpoint: str, versions: Sequence[str], max_age: float) -> Reading:
        """The newest raw counters of the endpoint of that name, by version and source.

        A source that was known but not scraped within ``max_age`` seconds is ``None``.

        Raises:
            Unreachable: the metrics server did not answer.
        """


class Leases(Protocol):
    """One lease per endpoint, changed by compare-and-swap only."""

    def read(self, endpoint: str) -> Lease | None:
        """The lease in force (expired or not), or None."""

    def swap(self, endpoint: str, expected: int | None, new: Lease | None) -> int | None:
        """Replace the lease if its token is still ``expected`` (None: no lease).

        Returns:
            The token of what is stored now (``new.token`` is ignored), or None if another process
            was faster and nothing was changed.
        """

    def all(self) -> list[Lease]:
        """Every lease on the platform, expired ones included."""


@dataclass(frozen=True)
class Platform:
    """One place where models are served."""

    name: str
    serving: Serving
    traffic: Traffic
    metrics: Metrics
    leases: Leases
    registry_url: str
    """The MLflow server's base URL."""
    home: Path
    """A folder for this platform's working files."""


def connect(name: str | None = None) -> Platform:
    """The platform called ``name`` (default: $SLUICE_PLATFORM, else ``local``).

    Raises:
        InputError: no installed package offers it.
    """
    wanted = name or os.environ.get("SLUICE_PLATFORM", "local")
    found = {point.name: point for point in entry_points(group="sluice.platforms")}
    if wanted not in found:
        raise InputError(f"unknown platform {wanted!r}: choose one of {', '.join(sorted(found))}")
    platform: Platform = found[wanted].load()()
    return platform

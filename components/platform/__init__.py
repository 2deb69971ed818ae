"""The place where a release runs: the contract, and the way to the platform in use."""

from components.metrics import Reading
from components.platform.clients import Gateway
from components.platform.clock import Clock, SystemClock
from components.platform.contract import (
    Endpoints,
    Files,
    Metrics,
    Platform,
    Records,
    Room,
    RouteLimits,
    Serving,
    StoredVersion,
    Traffic,
    Weights,
)
from components.platform.decisions import Decision, Decisions, Says
from components.platform.leases import Lease, Leases
from components.platform.model_registry import ModelRegistry, ModelVersion
from components.platform.moments import Moment, Moments
from components.platform.running import Readiness, Running, Span
from components.platform.waiting import wait_for
from components.plugins import PLATFORMS, brought

__all__ = [
    "Clock",
    "Decision",
    "Decisions",
    "Endpoints",
    "Files",
    "Gateway",
    "Lease",
    "Leases",
    "Metrics",
    "ModelRegistry",
    "ModelVersion",
    "Moment",
    "Moments",
    "Platform",
    "Readiness",
    "Reading",
    "Records",
    "Room",
    "RouteLimits",
    "Running",
    "Says",
    "Serving",
    "Span",
    "StoredVersion",
    "SystemClock",
    "Traffic",
    "Weights",
    "connect",
    "wait_for",
]


def connect(name: str | None = None) -> Platform:
    """The platform called ``name`` (default: $SLUICE_PLATFORM, else ``local``).

    Raises:
        InputError: no installed package offers it.
    """
    platform: Platform = brought(PLATFORMS, name)()
    return platform

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
    Serving,
    StoredVersion,
)
from components.platform.decisions import Decision, Decisions, Says
from components.platform.leases import Lease, Leases
from components.platform.model_registry import ModelRegistry, ModelVersion
from components.platform.moments import Moment, Moments
from components.platform.running import Readiness, Running, Span
from components.platform.scaling import FixedScaling, Replicas, Scaling
from components.platform.traffic import (
    ANSWER_MARGIN_S,
    AT_ONCE,
    Mirror,
    RouteLimits,
    Traffic,
    Weights,
)
from components.platform.waiting import wait_for
from components.plugins import PLATFORMS, brought

__all__ = [
    "ANSWER_MARGIN_S",
    "AT_ONCE",
    "Clock",
    "Decision",
    "Decisions",
    "Endpoints",
    "Files",
    "FixedScaling",
    "Gateway",
    "Lease",
    "Leases",
    "Metrics",
    "Mirror",
    "ModelRegistry",
    "ModelVersion",
    "Moment",
    "Moments",
    "Platform",
    "Readiness",
    "Reading",
    "Records",
    "Replicas",
    "Room",
    "RouteLimits",
    "Running",
    "Says",
    "Scaling",
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

"""The place where a release runs: the contract, and the way to the platform in use."""

import os
from importlib.metadata import entry_points

from components.errors import InputError
from components.platform.clock import Clock, SystemClock
from components.platform.contract import (
    Endpoints,
    Files,
    Gateway,
    Lease,
    Leases,
    Metrics,
    ModelRegistry,
    ModelVersion,
    Platform,
    Readiness,
    Reading,
    Records,
    RouteLimits,
    Serving,
    StoredVersion,
    Traffic,
    Weights,
)
from components.platform.waiting import wait_for

__all__ = [
    "Clock",
    "Endpoints",
    "Files",
    "Gateway",
    "Lease",
    "Leases",
    "Metrics",
    "ModelRegistry",
    "ModelVersion",
    "Platform",
    "Readiness",
    "Reading",
    "Records",
    "RouteLimits",
    "Serving",
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
    wanted = name or os.environ.get("SLUICE_PLATFORM", "local")
    found = {point.name: point for point in entry_points(group="sluice.platforms")}
    if wanted not in found:
        raise InputError(f"unknown platform {wanted!r}: choose one of {', '.join(sorted(found))}")
    platform: Platform = found[wanted].load()()
    return platform

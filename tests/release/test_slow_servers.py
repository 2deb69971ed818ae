"""A platform that is slow, or whose answers are old, loses no lease and moves no traffic."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from components.platform import Lease, Platform
from components.release.reaper import Reaper
from tests.support.worlds import Scene, quick

EVERY_S = 5.0
CALLS = {"set_weights": 15, "replicas": 3, "running": 2, "swap": 2}
"""Of an API server, one after the other, that a call of the platform's is on a cluster; else 1."""


class Slow:
    """An interface each of whose calls takes so long, from ``begins`` to ``ends``."""

    def __init__(
        self, found: Scene, interface: object, seconds: float, *, begins: float, ends: float
    ) -> None:
        self._found, self._interface = found, interface
        self._seconds, self._begins, self._ends = seconds, begins, ends

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._interface, name)

        def slow(*args: Any, **kwargs: Any) -> Any:
            clock = self._found.world.clock
            for _ in range(CALLS.get(name, 1)):
                if self._begins < clock.monotonic() < self._ends:
                    clock.sleep(self._seconds)
            return call(*args, **kwargs)

        return slow


class Old:
    """Leases of which an old state is read: of so many seconds ago."""

    def __init__(self, found: Scene, behind_s: float) -> None:
        self._found, self._behind_s = found, behind_s
        self._known: list[tuple[float, Lease | None]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._found.world.leases, name)

    def read(self, endpoint: str) -> Lease | None:
        now = self._found.world.clock.monotonic()
        self._known.append((now, self._found.world.leases.read(endpoint)))
        old = [lease for at, lease in self._known if at <= now - self._behind_s]
        return old[-1] if old else self._known[0][1]


def watched(found: Scene, platform: Platform, said: list[str]) -> None:
    """Let a reaper pass over a platform every few seconds, beside the release."""
    reaper = Reaper(platform)

    def look() -> None:
        said.extend(reaper.run())
        found.world.clock.after(EVERY_S, look)

    found.world.clock.after(EVERY_S, look)


@pytest.mark.parametrize("seconds", [5.0, 7.0])
@pytest.mark.parametrize(
    ("begins", "ends"), [(120.0, 240.0), (290.0, 900.0)], ids=["watch", "promotion"]
)
def test_an_api_server_that_is_slow_costs_no_canary(
    begins: float, ends: float, seconds: float
) -> None:
    found, said = quick(watch="4m"), list[str]()
    fast = found.world.platform
    watched(found, fast, said)

    def slow(interface: Any) -> Any:
        return Slow(found, interface, seconds, begins=begins, ends=ends)

    found.world.platform = replace(
        fast,
        leases=slow(fast.leases),
        traffic=slow(fast.traffic),
        serving=slow(fast.serving),
        endpoints=slow(fast.endpoints),
        scaling=slow(fast.scaling),
        decisions=slow(fast.decisions),
    )
    assert found.walk("2", "r").outcome == "promoted"
    assert [line for line in said if "r:" in line and "promoted" not in line] == []


@pytest.mark.parametrize("behind_s", [20.0, 100.0])
def test_a_reaper_that_reads_old_leases_takes_none_that_is_renewed(behind_s: float) -> None:
    found, said = quick(watch="4m"), list[str]()
    platform = found.world.platform
    old: Callable[..., Any] = Old
    watched(found, replace(platform, leases=old(found, behind_s)), said)
    assert found.walk("2", "r").outcome == "promoted"
    assert "reaped" not in found.events("r")
    assert found.one_version("r") == "promoted"

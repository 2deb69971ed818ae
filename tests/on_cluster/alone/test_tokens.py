"""Tokens that end in mid-canary: those of a release's steps, and of the reaper.

Both run outside of any pod, each as its own service account with a token in a file: what the
kubelet does to a pod's file, which takes it most of an hour, is done to theirs when the test says.
No other reaper is there meanwhile.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cluster.api import Api
from cluster.settings import SYSTEM
from tests.support.killing import away
from tests.support.promised import in_time
from tests.support.releases import Recorded
from tests.support.road import LONGEST_S, Place, Road, released
from tests.support.tokens import Token, store_keys, token
from tests.support.users import asking
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(1200)]

RPS = 10
LEASE_S = 60.0
RELEASE: dict[str, Any] = {
    "steps": [50, 100],
    "watch": "60s",
    "poll": "2s",
    "lease": f"{LEASE_S:g}s",
    # Predictors share two cores: no latency decides here.
    "judge": {"method": "threshold", "min_requests": 100, "p95_ratio": 10, "error_rate": 0.1},
}


@pytest.fixture
def team(place: Place) -> Iterator[Road]:
    """An endpoint whose version 1 was released."""
    with released(*place, "tokens", versions=("1", "2", "3"), **RELEASE) as made:
        yield made


@contextmanager
def reaper(api: Api, environment: Mapping[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """A reaper as a process, in the place of those that the installation has."""
    with away(api, (SYSTEM, "reaper")):
        command = [sys.executable, "-m", "cluster.reaper"]
        process = subprocess.Popen(command, env={**os.environ, **environment})
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def as_a_pod(api: Api, shown: Token) -> dict[str, str]:
    """The environment of a program that is this account."""
    return {"KUBECONFIG": str(shown.kubeconfig), **store_keys(api, shown.namespace)}


def polled(release: Recorded, version: str, more_than: int = 0) -> None:
    """Wait until users on the candidate are counted, by more polls than that."""

    def counted() -> bool:
        if not release.exists():
            return False
        return sum(bool(poll.weights.get(version)) for poll in release.state().polls) > more_than

    wait_until(counted, LONGEST_S, "a poll of the watch")


def test_a_token_that_ends_is_read_again_and_no_verdict(
    team: Road, kubernetes: Api, tmp_path: Path
) -> None:
    key = team.platform.gateway.key("demo")
    with (
        token(kubernetes, team.runs, "sluice-step", tmp_path) as step,
        token(kubernetes, SYSTEM, "sluice-reaper", tmp_path) as watcher,
        reaper(kubernetes, as_a_pod(kubernetes, watcher)) as process,
        asking(team.platform, team.endpoint, key, RPS) as asked,
    ):
        environment = as_a_pod(kubernetes, step)
        with team.begun("2", environment=environment) as release:
            polled(release, "2")
            for each in (step, watcher):
                each.end()
            seen = len(release.state().polls)  # the one before any share among them
            for each in (step, watcher):
                each.renew()
            polled(release, "2", seen)
            assert team.ended(release) == "promoted", release.state().reason
        in_time(release.lines(), LEASE_S)
        # The reaper, whose first token has ended, is the only one that can end this.
        with team.begun("3", environment=environment) as silent:
            polled(silent, "3")
        assert team.ended(silent) == "error"
        in_time(silent.lines(), LEASE_S)
        assert process.poll() is None
    assert [each for each in asked if each.status != 200] == []
    assert asked
    assert team.platform.traffic.weights(team.endpoint) == {"2": 100}
    assert team.platform.registry.alias(team.endpoint, "champion") == "2"

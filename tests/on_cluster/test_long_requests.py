"""Requests that are under way when the version that answers them has lost, and is deleted."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace

import httpx
import pytest

from cluster.api import Api
from cluster.names import predictor_name
from components import gateway
from components.endpoint import Endpoint
from components.errors import PlatformError
from components.release import losers
from components.release.losers import LOSERS_GO_S
from tests.support.killing import pods
from tests.support.present import present
from tests.support.rigs import KubernetesRig
from tests.support.sleeping import ask
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(600)]

LONG_S = LOSERS_GO_S + 15
"""Of a request: longer than the end of a release waits for its losers, less than its deadline."""


@dataclass(frozen=True)
class Answered:
    """A long request, and what there was of its version's pods in the moment of its answer."""

    answer: httpx.Response
    took: float
    leaving: dict[str, bool]
    """By pod: whether it had been told to go."""


@pytest.mark.parametrize(
    ("loser", "winner"), [("1", "2"), ("2", "1")], ids=["promotion", "rollback"]
)
def test_a_version_that_lost_answers_what_it_was_asked_before_it_goes(
    on_cluster: KubernetesRig, kubernetes: Api, sleeper: Endpoint, loser: str, winner: str
) -> None:
    """The loser is stopped as the end of a release does it, which does not wait that long."""
    rig, name, platform = on_cluster, sleeper.name, on_cluster.platform
    stored = present(platform.serving.stored(name, "1"))
    platform.serving.create(sleeper, replace(stored, version="2"))
    rig.wait_ready(name, "2")
    label = {"serving.kserve.io/inferenceservice": predictor_name(name, loser)}

    def there() -> dict[str, bool]:
        found = [each["metadata"] for each in pods(kubernetes, rig.namespace, label)]
        return {each["uid"]: "deletionTimestamp" in each for each in found}

    def long() -> Answered:
        answer, took = ask(rig, name, LONG_S)
        return Answered(answer, took, there())

    def answers(version: str) -> bool:
        return who(ask(rig, name, 0)[0]) == (200, version)

    give(rig, name, {loser: 100, winner: 0})
    wait_until(lambda: answers(loser), 30, f"version {loser}")
    [pod] = there()
    with ThreadPoolExecutor(1) as beside:
        asked = beside.submit(long)
        wait_until(lambda: is_busy(rig, name, loser), 30, "a long request")
        give(rig, name, {winner: 100, loser: 0})
        with suppress(PlatformError):  # it has not gone yet: from here on it is the reaper's
            losers.clean(platform, name, {winner: 100}, LOSERS_GO_S)
        assert answers(winner)
        found = asked.result()
    assert who(found.answer) == (200, loser), found.answer.text
    assert found.took >= LONG_S
    assert found.leaving == {pod: True}
    wait_until(lambda: losers.left(platform, name, {winner: 100}) == [], 60, "the loser's end")
    assert answers(winner)


def give(rig: KubernetesRig, endpoint: str, split: Mapping[str, int]) -> None:
    """Put a split in force; the endpoint's own limits stay."""
    rig.platform.traffic.set_weights(endpoint, split)
    rig.platform.traffic.wait_in_force(endpoint, split, timeout=10)


def who(answer: httpx.Response) -> tuple[int, str | None]:
    """How a request was answered, and by which version."""
    return answer.status_code, answer.headers.get(gateway.VERSION_HEADER)


def is_busy(rig: KubernetesRig, endpoint: str, version: str) -> bool:
    """Whether the version's model is at work, as its predictor says."""
    url = f"{rig.platform.serving.url(endpoint, version)}/metrics"
    lines = httpx.get(url, trust_env=False, timeout=10).text.splitlines()
    [busy] = [each for each in lines if each.startswith("inference_executors_busy{")]
    return float(busy.split()[-1]) > 0

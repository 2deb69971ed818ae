"""What the gateway refused by itself is told as such, and who sees it is not the version."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from components.metrics import Reading
from components.platform import AT_ONCE, Metrics
from components.record import Noted, of
from tests.support.present import present
from tests.support.worlds import NAME, Scene, quick


@dataclass(frozen=True)
class Refusing:
    """Metrics of a gateway that has refused some of an arm's requests since a poll."""

    metrics: Metrics
    arm: str
    polls: list[int]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.metrics, name)

    def sample(self, endpoint: str, versions: Sequence[str], max_age: float) -> Reading:
        read = self.metrics.sample(endpoint, versions, max_age)
        self.polls.append(1)
        refused = 100.0 + (7.0 if len(self.polls) > 5 else 0.0)
        return replace(read, overflowed=dict.fromkeys(versions, 0.0) | {self.arm: refused})


def refusing(arm: str, **release: Any) -> Scene:
    found = quick(**release)
    platform = found.world.platform
    metrics = cast(Metrics, Refusing(platform.metrics, arm, []))
    found.world.platform = replace(platform, metrics=metrics)
    return found


@pytest.mark.parametrize("arm", ["1", "2"])
def test_it_is_told_once_and_what_was_refused_before_is_not(arm: str) -> None:
    found = refusing(arm)
    found.walk("2", "r")
    (noted,) = [each for each in of(found.record("r"), Noted) if each.event == "gateway_overflow"]
    assert noted.detail.startswith(f"{arm}: the gateway itself refused 7 requests")
    assert "pending_overflow" in noted.detail


@pytest.mark.parametrize(
    ("queue", "most", "at_once"), [(256, 1, AT_ONCE), (256, 4, 2048), (10_000, 1, 20_000)]
)
def test_the_gateway_s_limit_follows_what_the_predictors_hold(
    queue: int, most: int, at_once: int
) -> None:
    found = quick()
    serving = found.endpoint.serving
    scaling = serving.scaling.model_copy(update={"max": most})
    deeper = serving.queue.model_copy(update={"requests": queue})
    changed = serving.model_copy(update={"scaling": scaling, "queue": deeper})
    endpoint = found.endpoint.model_copy(update={"serving": changed})
    found.world.apply(json.dumps(endpoint.model_dump(mode="json", exclude_none=True)))
    found.walk("2", "r")
    limits = present(found.world.proxies.route(NAME)).limits
    assert present(limits).at_once == at_once

from collections.abc import Callable

import numpy as np
import pytest

from components.simulation.scenario import Scenario
from components.simulation.traffic import Arm, Traffic

EDGES_MS = np.array([100.0, 130.0, 169.0, 219.7])


def _arm(requests: list[int], errors: list[int], slower: list[list[int]] | None) -> Arm:
    tail = np.zeros((len(requests), len(EDGES_MS)), dtype=np.int64)
    return Arm(
        requests=np.array([requests]),
        errors=np.array([errors]),
        slower=np.array([tail if slower is None else slower]),
    )


@pytest.fixture
def hand_made() -> Callable[..., Traffic]:
    """One release of one-minute polls with given counts; the champion never fails."""

    def make(
        requests: list[int],
        errors: list[int],
        *,
        slower: list[list[int]] | None = None,
        watch: tuple[str, ...] = ("errors",),
        champion_errors: list[int] | None = None,
    ) -> Traffic:
        minutes = len(requests)
        scenario = Scenario.model_validate({"minutes": minutes, "poll": 60, "peers_watch": watch})
        return Traffic(
            scenario=scenario,
            edges_ms=EDGES_MS,
            candidate=_arm(requests, errors, slower),
            champion=_arm([900] * minutes, champion_errors or [0] * minutes, None),
            history=_arm([10_000], [0], None),
        )

    return make

"""A short soak; `make bench-predictor` has the long one."""

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from components.load.mix import text_bodies
from components.load.schedule import due_times
from components.load.sender import send
from tests.support.bundles import write_bundle
from tests.support.predictors import FIXED, Predictor
from tests.support.soak import soak


async def ask(url: str, texts: list[str], rate: float, seconds: float) -> Counter[int]:
    """The statuses of the answers to clients that behave; 0 stands for none."""
    statuses: Counter[int] = Counter()
    due = due_times(rate, seconds, "poisson", seed=1)
    bodies = text_bodies(texts, long_share=0.05, seed=1)
    await send(url, {}, due, bodies, lambda outcome: statuses.update([outcome.status]))
    return statuses


@pytest.mark.long
def test_misbehaving_clients_leave_nothing_behind_and_cost_nobody_an_answer(
    start_predictor: Callable[..., Predictor], tmp_path: Path
) -> None:
    predictor = start_predictor(write_bundle(tmp_path / "b"), *FIXED, "--receive-timeout=2")
    texts = [" ".join(f"w{(n * k) % 200}" for k in range(n)) for n in range(1, 30)]
    url = f"{predictor.url}/v2/models/m/infer"
    with asyncio.Runner() as runner:
        for seconds in (5.0, 15.0):
            traffic = ask(url, texts, 40, seconds)
            statuses, result = runner.run(soak(traffic, url, predictor.process.pid, texts))
    assert statuses[200] > 0
    assert set(statuses) <= {200, 503}
    assert len(result.misbehaved) == 4
    assert result.before is not None
    assert result.after is not None
    assert not any(result.after.gauges.values())
    assert result.after.sockets <= result.before.sockets
    assert result.after.threads <= result.before.threads + 1
    assert max(result.memory[-3:]) < 1.1 * max(result.memory[:3])

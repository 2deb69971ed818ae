"""A short soak; `make bench-predictor` has the long one."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from predictor.bundles import write_bundle
from predictor.processes import FIXED, Predictor

from benchmarks.predictor.soak import soak


def test_misbehaving_clients_leave_nothing_behind_and_cost_nobody_an_answer(
    start_predictor: Callable[..., Predictor], tmp_path: Path
) -> None:
    predictor = start_predictor(write_bundle(tmp_path / "b"), *FIXED, "--receive-timeout=2")
    texts = [" ".join(f"w{(n * k) % 200}" for k in range(n)) for n in range(1, 30)]
    url = f"{predictor.url}/v2/models/m/infer"
    with asyncio.Runner() as runner:
        runner.run(soak(url, predictor.process.pid, texts, rate=40, seconds=5))
        result = runner.run(soak(url, predictor.process.pid, texts, rate=40, seconds=15))
    assert result.traffic is not None
    assert result.traffic.right > 0
    assert (result.traffic.other, result.traffic.unanswered) == (0, 0)
    assert len(result.misbehaved) == 4
    assert result.before is not None
    assert result.after is not None
    assert not any(result.after.gauges.values())
    assert result.after.sockets <= result.before.sockets
    assert result.after.threads <= result.before.threads + 1
    assert max(result.memory[-3:]) < 1.1 * max(result.memory[:3])

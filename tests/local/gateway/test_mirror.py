"""Copies of requests, through a real Envoy: who can tell them, and whom they cannot hurt."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from components import gateway
from components.arms import shadow_of
from components.platform import Mirror
from local.gateway import admin
from tests.support.stands import Stand
from tests.support.waiting import wait_until

StandFor = Callable[..., Stand]


def copying(stand: Stand, percent: int = 100) -> None:
    stand.split({"1": 100})
    stand.platform.traffic.set_mirror(stand.endpoint.name, Mirror("2", percent))
    stand.platform.traffic.wait_in_force(stand.endpoint.name, {"1": 100}, timeout=1.0)


def counted(stand: Stand) -> tuple[float, float]:
    """Copies that were counted, and those of them that failed."""
    arm = shadow_of("2")
    read = stand.platform.metrics.sample(stand.endpoint.name, [arm], max_age=10).versions[arm]
    found = [each for each in read.values() if each]
    return sum(each.requests for each in found), sum(each.errors for each in found)


def test_a_copy_is_marked_and_its_original_is_not(stand_for: StandFor, tmp_path: Path) -> None:
    stand = stand_for("marked")
    copying(stand)
    forged = {gateway.SHADOW_HEADER: "1", "x-sluice-copy": "marked-v1", "host": "models.example"}
    answer = stand.client.post(
        stand.path, headers={"x-test-heard": str(tmp_path), **forged}, content=b"x" * 1000
    )
    heard = {name.lower(): value for name, value in answer.json()["headers"].items()}
    assert gateway.SHADOW_HEADER not in heard
    wait_until((tmp_path / "2.json").exists)
    copied = json.loads((tmp_path / "2.json").read_text())
    copied = {name.lower(): value for name, value in copied.items()}
    assert copied[gateway.SHADOW_HEADER] == "2"
    assert copied["host"] == heard["host"] == "models.example"
    assert copied[gateway.CLIENT_HEADER] == heard[gateway.CLIENT_HEADER] == "demo"
    assert copied["content-length"] == "1000"
    assert "x-sluice-copy" not in {*copied, *heard}
    assert gateway.KEY_HEADER not in copied


def test_copies_that_are_never_answered_hold_no_user_up(stand_for: StandFor) -> None:
    """They are more than the gateway copies at once; the rest is not copied."""
    stand = stand_for("stuck", own=True)
    copying(stand)
    stand.upstreams["2"].process.send_signal(19)
    began = time.monotonic()
    statuses = {stand.client.post(stand.path).status_code for _ in range(200)}
    took = time.monotonic() - began
    assert statuses == {200}
    assert took < 7.0, "none waited for a copy's deadline"
    overflow = admin.counters(stand.home, r"^cluster\.mirror\.upstream_rq_pending_overflow$")
    assert sum(overflow.values()) > 0
    stand.upstreams["2"].process.send_signal(18)


def test_a_copy_that_fails_is_counted_as_one(stand_for: StandFor) -> None:
    stand = stand_for("failing", own=True)
    copying(stand)
    stand.upstreams["2"].stop()
    assert {stand.client.post(stand.path).status_code for _ in range(10)} == {200}
    wait_until(lambda: counted(stand) == (10, 10))

"""What a gateway answers by itself has one form on every platform that speaks HTTP."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import httpx
import pytest

from components import gateway
from components.endpoint import Endpoint
from components.gateway import PLATFORM_CLIENT
from components.platform import RouteLimits
from tests.support.rigs import BODY, IN_FORCE_S, RealRig


def error_of(answer: httpx.Response) -> str:
    """The error's one line; its answer names no version."""
    assert gateway.VERSION_HEADER not in answer.headers
    assert answer.headers["content-type"] == "application/json"
    (key,) = answer.json()
    assert key == "error"
    said: str = answer.json()[key]
    return said


def test_who_has_no_key_gets_401(rig: RealRig, routed: Endpoint) -> None:
    for key in ("", "made up"):
        refused = rig.post(routed.name, key)
        assert refused.status_code == 401
        assert error_of(refused)
    _, code, _ = rig.infer(routed.name, "made up")
    assert code == grpc.StatusCode.UNAUTHENTICATED


def test_who_asks_too_much_gets_429_that_says_when_to_come_back(
    rig: RealRig, routed: Endpoint
) -> None:
    few = RouteLimits(requests_per_second=3, timeout_s=10)
    rig.platform.traffic.set_weights(routed.name, {"1": 100}, few)
    rig.platform.traffic.wait_in_force(routed.name, {"1": 100}, IN_FORCE_S)

    def refused() -> httpx.Response | None:
        answers = [rig.post(routed.name, rig.key) for _ in range(20)]
        return next((each for each in answers if each.status_code == 429), None)

    found: list[httpx.Response] = []

    def limited() -> bool:
        found[:] = filter(None, [refused()])
        return bool(found)

    rig.wait(limited, "the limit", 30)
    assert error_of(found[0])
    assert found[0].headers["retry-after"] == "1"
    assert found[0].headers["x-ratelimit-limit"].startswith("3")
    codes = [rig.infer(routed.name, rig.key)[1] for _ in range(20)]
    assert grpc.StatusCode.UNAVAILABLE in codes


def test_a_body_over_one_mebibyte_gets_413(rig: RealRig, routed: Endpoint) -> None:
    refused = rig.post(routed.name, rig.key, content=b"x" * (gateway.MAX_BODY_BYTES + 1))
    assert refused.status_code == 413
    assert error_of(refused)


def test_a_body_of_one_mebibyte_is_answered(rig: RealRig, routed: Endpoint) -> None:
    answer = rig.post(routed.name, rig.key, content=BODY.ljust(gateway.MAX_BODY_BYTES))
    assert answer.status_code == 200


def test_what_is_more_than_may_be_under_way_gets_503_and_is_told_from_a_failure(
    rig: RealRig, fresh: Endpoint
) -> None:
    traffic, metrics = rig.platform.traffic, rig.platform.metrics
    rig.create(fresh, "1")
    traffic.set_weights(fresh.name, {"1": 100}, RouteLimits(100_000, 30.0, at_once=1))
    traffic.wait_in_force(fresh.name, {"1": 100}, IN_FORCE_S)
    seen: list[int] = []

    def refused() -> float:
        return metrics.sample(fresh.name, ["1"], 30.0).overflowed.get("1", 0.0)

    def overflows() -> bool:
        with ThreadPoolExecutor(30) as pool:
            asked = pool.map(lambda _: rig.post(fresh.name, rig.key), range(90))
            seen.extend(answer.status_code for answer in asked)
        return 503 in seen

    rig.wait(overflows, "what is refused", 30)
    assert set(seen) == {200, 503}
    rig.wait(lambda: refused() == seen.count(503), "its counter", 30)


def test_what_is_not_served_gets_404(rig: RealRig, routed: Endpoint) -> None:
    unknown = rig.post(rig.name("unknown"), rig.key)
    assert (unknown.status_code, error_of(unknown)) == (404, gateway.NO_ENDPOINT)
    pinned = rig.post(routed.name, rig.platform.gateway.key(PLATFORM_CLIENT), pin="9")
    assert pinned.status_code == 404
    assert "no such version" in error_of(pinned)


@pytest.mark.parametrize("version", ["1", "9", ""])
def test_a_client_that_names_a_version_gets_403(
    rig: RealRig, routed: Endpoint, version: str
) -> None:
    refused = rig.post(routed.name, rig.key, pin=version)
    assert (refused.status_code, error_of(refused)) == (403, gateway.NO_PIN)
    _, code, said = rig.infer(routed.name, rig.key, pin=version)
    assert (code, said) == (grpc.StatusCode.PERMISSION_DENIED, gateway.NO_PIN)


def test_a_client_cannot_pass_for_another(rig: RealRig, routed: Endpoint) -> None:
    forged = {gateway.CLIENT_HEADER: PLATFORM_CLIENT, gateway.VERSION_HEADER: "1"}
    assert rig.post(routed.name, rig.key, headers=forged).status_code == 403

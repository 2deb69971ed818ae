"""One endpoint's fault stays its own: files that are damaged, routes that the gateway refuses."""

import json
from collections.abc import Callable
from dataclasses import asdict

import pytest

from components.disk import replace_json
from components.errors import PlatformError
from components.platform import RouteLimits, refusals
from components.platform.refusals import HIGHEST_RATE, LONGEST_TIMEOUT_S
from local.gateway import admin, discovery, routes
from local.gateway.access import Route, refuse_impossible
from tests.support.stands import Stand

StandFor = Callable[..., Stand]

ROUTE = Route("e", {"1": 100}, 200, 7.0)


@pytest.mark.parametrize(
    "impossible",
    [
        Route("e", {"1": 100}, HIGHEST_RATE + 1, 7.0),
        Route("e", {"1": 100}, 0, 7.0),
        Route("e", {"1": 100}, 200, LONGEST_TIMEOUT_S + 1),
        Route("e", {"1": 100}, 200, 0.0),
        Route("e", {"1": 100}, 200, float("nan")),
        Route("e", {"1": 100}, 200, float("inf")),
        Route("e", {"1": 99}, 200, 7.0),
        Route("e", {"1": 101, "2": -1}, 200, 7.0),
    ],
)
def test_what_envoy_would_refuse_is_refused_before(impossible: Route) -> None:
    refuse_impossible(ROUTE)
    with pytest.raises(PlatformError, match="e: "):
        refuse_impossible(impossible)


def shown(stand: Stand) -> dict[str, int]:
    found = routes.split_in(admin.dump_routes(stand.home), stand.endpoint.name)
    return {version: share for version, share in found.items() if share}


def asked(stand: Stand) -> Route:
    found = discovery.route(stand.home, stand.endpoint.name)
    assert found
    return found


def shifts_and_rolls_back(stand: Stand) -> None:
    for split in ({"1": 50, "2": 50}, {"1": 100}):
        stand.platform.traffic.set_weights(stand.endpoint.name, split)
        stand.platform.traffic.wait_in_force(stand.endpoint.name, split, timeout=1)
    assert stand.client.post(stand.path).status_code == 200


TOO_MANY = asdict(Route("broken", {"1": 50, "2": 50}, 99_999_999_999, 7.0))
"""What an earlier Sluice wrote."""


@pytest.mark.parametrize(
    "damage",
    [
        "{",
        "[" * 100_000,
        "9" * 5000,
        "[]",
        '"text"',
        "{}",
        json.dumps(TOO_MANY),
        json.dumps(TOO_MANY | {"weights": 7}),
        json.dumps(asdict(Route("whole", {"2": 100}, 200, 7.0))),
        b"\xff",
    ],
)
def test_a_damaged_file_of_one_endpoint_is_nobody_else_s(
    stand_for: StandFor, damage: str | bytes
) -> None:
    stand, other = stand_for("broken"), stand_for("whole")
    stand.split({"1": 90, "2": 10})
    other.split({"1": 100})
    written = damage if isinstance(damage, bytes) else damage.encode()
    (stand.home.traffic / "broken.json").write_bytes(written)
    shifts_and_rolls_back(other)
    assert shown(stand) == {"1": 90, "2": 10}
    assert stand.client.post(stand.path).status_code == 200
    shifts_and_rolls_back(stand)
    assert asked(stand).requests_per_second == stand.endpoint.gateway.requests_per_second


@pytest.mark.parametrize(
    "damage",
    [
        *("{", "{}", "[" * 100_000),
        '{"backend": {"endpoint": "lost", "version": "1", "http_port": 99999999, "grpc_port": 1}}',
        '{"backend": {"endpoint": "whole", "version": "1", "http_port": 1, "grpc_port": 1}}',
    ],
)
def test_a_damaged_predictor_s_file_is_nobody_else_s(stand_for: StandFor, damage: str) -> None:
    other = stand_for("whole")
    other.split({"1": 100})
    file = other.home.serving / "lost-v1.json"
    file.write_text(damage)
    try:
        shifts_and_rolls_back(other)
    finally:
        file.unlink()


@pytest.mark.parametrize("name", ["backends.json", "good.json"])
@pytest.mark.parametrize("damage", ["{", "{}", "7", '[{"endpoint": 1}]', '{"whole": 1}'])
def test_what_the_gateway_s_own_files_say_is_not_needed(
    stand_for: StandFor, name: str, damage: str
) -> None:
    stand = stand_for("whole")
    stand.split({"1": 100})
    (stand.home.path / "gateway" / name).write_text(damage)
    shifts_and_rolls_back(stand)


def test_a_folder_in_a_file_s_place_is_nobody_else_s(stand_for: StandFor) -> None:
    stand = stand_for("whole")
    stand.split({"1": 100})
    odd = [folder / "odd-v1.json" for folder in (stand.home.traffic, stand.home.serving)]
    for each in odd:
        each.mkdir()
    try:
        shifts_and_rolls_back(stand)
    finally:
        for each in odd:
            each.rmdir()


@pytest.fixture
def unbounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let through what Envoy refuses, as any fault that nobody foresaw would be."""
    monkeypatch.setattr(refusals, "HIGHEST_RATE", 10**12)


def test_a_route_that_the_gateway_refuses_is_taken_back_and_others_go_on(
    stand_for: StandFor, unbounded: None
) -> None:
    stand, other, new = stand_for("refused"), stand_for("taken"), stand_for("never")
    stand.split({"1": 100})
    other.split({"1": 100})
    before = asked(stand)
    limits = RouteLimits(requests_per_second=99_999_999_999, timeout_s=7.0)
    with pytest.raises(PlatformError, match="the gateway refuses the route of refused"):
        stand.platform.traffic.set_weights("refused", {"2": 100}, limits)
    assert (asked(stand), shown(stand)) == (before, {"1": 100})
    with pytest.raises(PlatformError, match="the gateway refuses the route of never"):
        new.platform.traffic.set_weights("never", {"1": 100}, limits)
    assert discovery.route(new.home, "never") is None
    # A process that was killed between its two writes has left its file.
    replace_json(stand.home.traffic / "refused.json", TOO_MANY | {"endpoint": "refused"})
    shifts_and_rolls_back(other)
    assert (asked(stand), shown(stand)) == (before, {"1": 100})
    shifts_and_rolls_back(stand)

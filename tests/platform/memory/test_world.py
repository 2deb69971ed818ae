"""Predictors, proxies and versions as a test says."""

from pathlib import Path

import pytest
import yaml

from components import bundle
from components.errors import PlatformError
from components.platform import RouteLimits
from components.platform.memory import World
from components.registry.names import MANIFEST_TAG
from tests.support.endpoints import endpoint as make_endpoint
from tests.support.endpoints import endpoint_settings

LIMITS = RouteLimits(1000, 10.0)
SHOP = make_endpoint("shop", model="toy")


@pytest.fixture
def world() -> World:
    world = World(proxies=("a", "b"))
    for _ in range(2):
        world.register("toy")
    return world


def create(world: World, version: str) -> None:
    world.platform.serving.create(SHOP, world.store_version("toy", version))


def state(world: World, version: str) -> str:
    return world.platform.serving.readiness("shop", version).state


def test_a_predictor_gets_ready_after_its_time(world: World) -> None:
    world.starts("2", after_s=3)
    create(world, "1")
    create(world, "2")
    assert (state(world, "1"), state(world, "2")) == ("ready", "starting")
    world.clock.sleep(2)
    create(world, "2")
    world.clock.sleep(1)
    assert state(world, "2") == "ready"


def test_a_predictor_fails_after_its_time_and_says_why(world: World) -> None:
    world.starts("2", after_s=3, fails="no such operator: Foo")
    create(world, "2")
    world.clock.sleep(3)
    found = world.platform.serving.readiness("shop", "2")
    assert (found.state, found.why) == ("failed", "no such operator: Foo")
    world.starts("2")
    create(world, "2")
    assert state(world, "2") == "ready"


def test_a_predictor_that_was_replaced_does_not_start_its_successor(world: World) -> None:
    world.starts("2", after_s=3)
    create(world, "2")
    world.clock.sleep(2)
    world.platform.serving.delete("shop", "2")
    create(world, "2")
    world.clock.sleep(2)
    assert state(world, "2") == "starting"
    world.clock.sleep(1)
    assert state(world, "2") == "ready"


def test_a_version_leaves_only_when_no_proxy_sends_anybody_there(world: World) -> None:
    create(world, "1")
    create(world, "2")
    traffic = world.platform.traffic
    traffic.set_weights("shop", {"1": 50, "2": 50}, LIMITS)
    world.delay_traffic(5, "b")
    traffic.set_weights("shop", {"1": 100})
    world.platform.serving.delete("shop", "2")
    assert world.clock.monotonic() == pytest.approx(5, abs=0.1)
    world.delay_traffic(float("inf"), "b")
    create(world, "2")
    traffic.set_weights("shop", {"2": 100})
    with pytest.raises(PlatformError, match="shop version 1 is being deleted and does not go"):
        world.platform.serving.delete("shop", "1")


def test_a_split_is_in_force_when_the_last_proxy_has_it(world: World) -> None:
    create(world, "1")
    world.delay_traffic(0.5)
    world.delay_traffic(2.0, "b")
    world.platform.traffic.set_weights("shop", {"1": 100}, LIMITS)
    assert world.proxies.shown("shop") == {"a": {}, "b": {}}
    assert world.platform.traffic.wait_in_force("shop", {"1": 100}, 10) == pytest.approx(2, abs=0.1)


def test_a_proxy_that_never_takes_a_split_is_named(world: World) -> None:
    create(world, "1")
    world.delay_traffic(float("inf"), "b")
    world.platform.traffic.set_weights("shop", {"1": 100}, LIMITS)
    with pytest.raises(PlatformError, match="'b': 'no route'"):
        world.platform.traffic.wait_in_force("shop", {"1": 100}, 10)
    assert world.clock.monotonic() == pytest.approx(10, abs=0.1)


def test_a_slow_proxy_does_not_go_back_to_an_older_split(world: World) -> None:
    create(world, "1")
    create(world, "2")
    world.delay_traffic(5)
    world.platform.traffic.set_weights("shop", {"1": 100}, LIMITS)
    world.delay_traffic(1)
    world.platform.traffic.set_weights("shop", {"2": 100})
    world.clock.sleep(10)
    assert world.proxies.shown("shop") == {"a": {"2": 100}, "b": {"2": 100}}


def test_a_registered_version_has_the_tag_and_the_files_of_its_manifest(
    world: World, tmp_path: Path
) -> None:
    version = world.register("toy", {"a/b.bin": b"b"}, alias="candidate", tags={"who": "me"})
    registry = world.platform.registry
    assert registry.alias("toy", "candidate") == version == "3"
    tags = registry.version("toy", version).tags
    registry.download("toy", version, tmp_path)
    bundle.verify(tmp_path, tags[MANIFEST_TAG], allow_pickle=False)
    assert tags["who"] == "me"
    digests = {registry.version("toy", each).tags[MANIFEST_TAG] for each in ("1", "2", "3")}
    assert len(digests) == 3, "each version has files of its own"


def test_an_applied_file_is_the_endpoint_s(world: World) -> None:
    applied = world.apply(yaml.safe_dump(endpoint_settings("shop", model="toy")))
    assert world.platform.endpoints.load("shop") == applied


def test_what_was_logged_can_be_looked_at(world: World) -> None:
    registry = world.platform.registry
    run = registry.create_run("releases", "r", {"sluice.release": "r"})
    entry = registry.version("toy", "1")
    registry.log_metrics(run, {"accuracy": 0.9}, entry.model_id)
    registry.end_run(run, "FINISHED")
    assert world.registry.runs[run].metrics == {"accuracy": 0.9}
    assert world.registry.runs[run].status == "FINISHED"
    assert world.registry.model_metrics[entry.model_id] == {"accuracy": 0.9}


def test_any_hundred_requests_hold_the_split(world: World) -> None:
    create(world, "1")
    create(world, "2")
    world.platform.traffic.set_weights("shop", {"1": 93, "2": 7}, LIMITS)
    world.gateway.add("me")
    key = world.gateway.key("me")
    asked = [world.ask("shop", key).version for _ in range(300)]
    for begin in (0, 50, 200):
        assert asked[begin : begin + 100].count("2") == 7


def test_nobody_is_sent_to_a_version_with_nothing_whoever_s_turn_it_would_be(world: World) -> None:
    create(world, "1")
    create(world, "2")
    world.gateway.add("me")
    key = world.gateway.key("me")
    world.platform.traffic.set_weights("shop", {"1": 50, "2": 50}, LIMITS)
    assert world.ask("shop", key).version == "1"
    world.platform.traffic.set_weights("shop", {"2": 0, "1": 100})
    assert {world.ask("shop", key).version for _ in range(10)} == {"1"}


def test_a_proxy_that_has_not_heard_of_a_split_yet_shows_no_later_one(world: World) -> None:
    create(world, "1")
    create(world, "2")
    traffic = world.platform.traffic
    traffic.set_weights("shop", {"1": 100}, LIMITS)
    world.delay_traffic(5, "b")
    traffic.set_weights("shop", {"1": 90, "2": 10})
    traffic.set_weights("shop", {"1": 100})
    assert world.proxies.shown("shop")["b"] == {"1": 100}, "but another one is on its way"
    assert traffic.wait_in_force("shop", {"1": 100}, 10) == pytest.approx(5, abs=0.1)

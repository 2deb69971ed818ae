"""How many predictors each arm has, and the least that it keeps."""

from components.endpoint import Endpoint
from components.platform import Scaling
from tests.support.rigs import Rig


def test_each_arm_has_what_it_wants_once_it_is_ready(rig: Rig, served: Endpoint) -> None:
    found = rig.platform.scaling.replicas(served.name)
    assert set(found) == {"1", "2"}
    for each in found.values():
        assert (each.ready, each.wanted, each.why) == (1, 1, "")
        assert 1 == each.floor <= each.most


def test_of_an_endpoint_that_nobody_knows_there_is_none(rig: Rig) -> None:
    scaling: Scaling = rig.platform.scaling
    assert scaling.replicas("nobody") == {}
    scaling.hold("nobody", {"1": 3})
    scaling.let_go("nobody")
    assert scaling.replicas("nobody") == {}


def test_an_arm_that_is_held_has_so_many_or_its_number_is_fixed(rig: Rig, fresh: Endpoint) -> None:
    scaling, name = rig.platform.scaling, fresh.name
    rig.create(fresh, "1")
    scaling.hold(name, {"1": 2, "none": 5})
    held = scaling.replicas(name)["1"]
    assert held.floor in {1, 2}
    assert set(scaling.replicas(name)) == {"1"}

    def enough() -> bool:
        found = scaling.replicas(name)["1"]
        return found.wanted == found.ready == held.floor

    rig.wait(enough, "predictors", 120)
    scaling.hold(name, {"1": 1})
    assert scaling.replicas(name)["1"].floor == held.floor
    for _ in range(2):
        scaling.let_go(name)
    assert scaling.replicas(name)["1"].floor == 1


def test_a_version_that_is_served_again_has_no_floor_of_its_former_life(
    rig: Rig, fresh: Endpoint
) -> None:
    scaling, name = rig.platform.scaling, fresh.name
    rig.create(fresh, "1")
    scaling.hold(name, {"1": 2})
    rig.platform.serving.delete(name, "1")
    assert scaling.replicas(name) == {}
    rig.create(fresh, "1")
    found = scaling.replicas(name)["1"]
    assert (found.floor, found.wanted, found.ready) == (1, 1, 1)


def test_an_arm_whose_autoscaler_somebody_deleted_has_what_it_had_and_then_a_new_one(
    rig: Rig, fresh: Endpoint
) -> None:
    scaling, name = rig.platform.scaling, fresh.name
    rig.create(fresh, "1")
    scaling.hold(name, {"1": 1})
    if rig.lose_scaler(name, "1"):
        rig.wait(lambda: scaling.replicas(name)["1"].lost, "its end")
    lone = scaling.replicas(name)["1"]
    assert (lone.wanted, lone.floor, lone.most) == (1, 1, 1)
    scaling.hold(name, {"1": 2})
    for arm in ("1", "none"):
        scaling.restore(fresh, arm, 1)
    assert not scaling.replicas(name)["1"].lost
    assert set(scaling.replicas(name)) == {"1"}
    scaling.hold(name, {"1": 2})
    held = scaling.replicas(name)["1"]

    def enough() -> bool:
        found = scaling.replicas(name)["1"]
        return found.wanted == found.ready == held.floor

    rig.wait(enough, "predictors", 120)
    scaling.let_go(name)
    assert scaling.replicas(name)["1"].floor == 1

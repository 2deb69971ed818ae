"""What people see of an endpoint by kubectl."""

from dataclasses import replace

from cluster.marks import CANDIDATE, CHAMPION, IDLE, PHASE, RELEASING, SHARE, WAITING, marks
from components.platform import Lease


def lease(restore: dict[str, int]) -> Lease:
    return Lease("demo", "demo-v8", "step 1", 120.0, restore)


def test_an_idle_endpoint_has_a_champion_alone() -> None:
    assert marks({"7": 100, "8": 0}, None) == {
        PHASE: IDLE,
        CHAMPION: "7",
        CANDIDATE: None,
        SHARE: None,
    }


def test_a_release_has_a_candidate_and_its_share_until_it_ends() -> None:
    for share in (0, 10, 100):
        weights = {"7": 100 - share, "8": share}
        assert marks(weights, lease({"7": 100})) == {
            PHASE: RELEASING,
            CHAMPION: "7",
            CANDIDATE: "8",
            SHARE: str(share),
        }


def test_a_release_whose_step_is_held_waits() -> None:
    held = replace(lease({"7": 100}), waits="it waits for approval")
    assert marks({"7": 90, "8": 10}, held)[PHASE] == WAITING


def test_a_baseline_is_its_version_s() -> None:
    shown = marks({"7": 80, "7-baseline": 10, "8": 10}, lease({"7": 100}))
    assert (shown[CHAMPION], shown[CANDIDATE], shown[SHARE]) == ("7", "8", "10")


def test_a_first_release_has_no_other_champion() -> None:
    assert marks({"1": 100}, lease({}))[CHAMPION] == "1"

"""A step's pod is shown as succeeded and has written no result: the record says what is done.

The committed form of Argo is walked as its controller does, with the real steps on the memory
platform. Of one task at a time the engine knows nothing but that it succeeded.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from pydantic import BaseModel

from components.errors import SluiceError
from components.platform.memory.faults import Killed
from components.release import ending, opening, resuming
from components.release.context import Release
from pipelines import compiler
from pipelines.hera.templates import NOTHING
from tests.support.worlds import NAME, QUICK, QUICK_RPS, Scene, begin, scene

RELEASE = "rel-demo-v2-1"
Object = dict[str, Any]
STEPS: dict[str, Callable[..., BaseModel]] = {
    "fetch": lambda release, _: opening.fetch(release, NAME, "2"),
    "evaluate": lambda release, _: resuming.evaluate(release),
    "deploy": lambda release, _: resuming.deploy(release),
    "shift": lambda release, given: resuming.shift(release, int(given["stage"])),
    "watch": lambda release, given: resuming.watch(release, int(given["stage"])),
    "promote": lambda release, _: resuming.promote(release),
    "rollback": lambda release, _: ending.rollback(release),
}


def tasks(watched: int) -> list[Object]:
    """The tasks of the form, each after those that it depends on."""
    form = compiler.structure(compiler.COMPILED / "argo" / f"release-{watched}.yaml")
    (dag,) = (each["dag"] for each in form["spec"]["templates"] if "dag" in each)
    left, ordered = list(dag["tasks"]), list[Object]()
    while left:
        names = {each["name"] for each in ordered}
        ready = [each for each in left if after(each) is None or after(each) in names]
        assert ready
        ordered += ready
        left = [each for each in left if each not in ready]
    return ordered


def after(task: Object) -> str | None:
    return task["depends"].removesuffix(".Succeeded") if "depends" in task else None


def holds(condition: str, results: dict[str, dict[str, str]]) -> bool:
    """Whether a task is to run, as Argo's ``when`` has it."""

    def result(match: re.Match[str]) -> str:
        return results.get(match[1], {}).get(match[2], NOTHING)

    text = re.sub(r"{{tasks\.([\w-]+)\.outputs\.parameters\.(\w+)}}", result, condition)

    def compares(part: str) -> bool:
        one, how, other = part.split()
        return (one == other) == (how == "==")

    return any(all(map(compares, each.split(" && "))) for each in text.split(" || "))


def walk(found: Scene, watched: int, lost: str, half: Callable[[Scene, Release], None]) -> None:
    """The workflow; of the task that is ``lost`` only ``half`` is done, and no result is there."""
    results: dict[str, dict[str, str]] = {}
    try:
        for task in tasks(watched):
            if after(task) is not None and after(task) not in results:
                continue
            if not holds(task.get("when", "'' == ''"), results):
                continue
            given = {each["name"]: each["value"] for each in task["arguments"]["parameters"]}
            with found.opened(RELEASE) as release:
                if task["name"] == lost:
                    half(found, release)
                    results[lost] = {}
                    continue
                made = STEPS[task["template"]](release, given)
            results[task["name"]] = {key: str(value) for key, value in made.model_dump().items()}
    finally:
        found.finalize(RELEASE)


def nothing(_found: Scene, _release: Release) -> None:
    """The machine was reset before the step did anything."""


def reset_after(calls: int, step: str, given: Object) -> Callable[[Scene, Release], None]:
    """The machine was reset when the step had asked the platform so often."""

    def half(found: Scene, release: Release) -> None:
        found.world.faults.fail("*", skip=calls, times=1, error=Killed)
        with suppress(Killed):
            STEPS[step](release, given)
        found.world.faults.clear()

    return half


CANARY = ["evaluate", "deploy", "shift-1", "watch-1", "shift-2", "watch-2", "promote"]
STEPS_OF_TWO = {"steps": [10, 50, 100]}


@pytest.mark.parametrize("lost", CANARY[:-1])
@pytest.mark.parametrize("good", [True, False])
def test_the_next_step_does_what_was_left_out(lost: str, good: bool) -> None:
    found = scene(QUICK_RPS, **QUICK | STEPS_OF_TWO)
    found.world.behave("2", error_rate=0.0 if good else 0.3)
    walk(found, 2, lost, nothing)
    assert found.one_version(RELEASE) == ("promoted" if good else "rolled_back")
    state = found.state(RELEASE)
    assert state.passed == ((10, 50) if good else ())


@pytest.mark.parametrize("lost", CANARY[:-1])
@pytest.mark.parametrize("calls", [3, 8, 13, 21])
def test_a_step_that_was_reset_half_way_is_gone_on_with(lost: str, calls: int) -> None:
    found = scene(QUICK_RPS, **QUICK | STEPS_OF_TWO)
    found.world.behave("2", error_rate=0.0)
    step, _, stage = lost.partition("-")
    walk(found, 2, lost, reset_after(calls, step, {"stage": stage}))
    assert found.one_version(RELEASE) == "promoted"
    assert found.state(RELEASE).passed == (10, 50)


@pytest.mark.parametrize("lost", ["evaluate", "deploy", "shift-1", "watch-1", "shift-2"])
def test_a_version_that_does_not_pass_is_never_served_whatever_is_lost(lost: str) -> None:
    found = scene(QUICK_RPS, **QUICK | STEPS_OF_TWO)
    found.passed = False
    walk(found, 2, lost, nothing)
    assert found.one_version(RELEASE) == "rolled_back"
    assert "deployed" not in [line.kind for line in found.record(RELEASE)]


@pytest.mark.parametrize("lost", ["evaluate", "deploy"])
def test_a_first_version_is_promoted_whatever_is_lost(lost: str) -> None:
    found = begin(**QUICK)
    found.world.register("demo")
    found.world.users(NAME, QUICK_RPS)
    walk(found, 1, lost, nothing)
    assert found.one_version(RELEASE) == "promoted"


def test_a_promotion_that_was_left_out_is_no_promotion() -> None:
    """Nothing follows it but the end, which gives the champion its traffic back."""
    found = scene(QUICK_RPS, **QUICK)
    found.world.behave("2", error_rate=0.0)
    walk(found, 1, "promote", nothing)
    assert found.one_version(RELEASE) == "error"
    assert found.weights == {"1": 100}


def test_a_release_of_which_nothing_was_begun_is_none() -> None:
    found = scene(QUICK_RPS, **QUICK)
    with pytest.raises(SluiceError, match="no release"):
        walk(found, 1, "fetch", nothing)
    assert found.one_version(RELEASE) is None

"""Argo as an engine, on a real API server; what the controller would write, the tests write."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from cluster.api import Api
from cluster.argo import ArgoEngine
from cluster.kinds import NAMESPACE, WORKFLOW, Kind, Object
from components.engine import Engine, Result, Run
from components.errors import InputError, LeaseHeld
from components.platform import Lease
from components.platform.memory import Killed
from components.registry import names
from components.release import deciding, opening
from pipelines import compiler
from tests.support.wires import losing
from tests.support.worlds import MODEL, NAME, QUICK, QUICK_RPS, Scene, quick, scene

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

TEMPLATE = Kind("argoproj.io/v1alpha1", "WorkflowTemplate", "workflowtemplates")
FIRST = "rel-demo-v2-1"


@pytest.fixture(scope="module")
def runs(kubernetes: Api, team: str) -> Iterator[str]:
    name = f"{team}-runs"
    kubernetes.create(NAMESPACE, "", NAMESPACE.object({"name": name}))
    yield name
    kubernetes.delete(NAMESPACE, "", name)


@pytest.fixture
def demo() -> Scene:
    found = scene(QUICK_RPS, **QUICK)
    found.world.registry.set_alias(MODEL, names.CANDIDATE, "2")
    return found


@pytest.fixture
def engine(kubernetes: Api, team: str, runs: str, demo: Scene) -> Iterator[ArgoEngine]:
    made = ArgoEngine(kubernetes, team, demo.world.platform)
    _typed: Engine = made
    yield made
    for each in kubernetes.list(WORKFLOW, runs):
        kubernetes.delete(WORKFLOW, runs, each["metadata"]["name"])


def found(api: Api, runs: str, name: str = FIRST) -> Object:
    workflow = api.get(WORKFLOW, runs, name)
    assert workflow
    return workflow


def ends(api: Api, runs: str, phase: str, name: str = FIRST, **status: object) -> None:
    """What the controller writes at a workflow's end."""
    ended = {"phase": phase, "finishedAt": "2026-11-27T03:00:00Z", **status}
    api.merge(WORKFLOW, runs, name, {"status": ended})


def node(name: str, message: str, at: str = "2026-11-27T03:00:00Z", **more: str) -> Object:
    return {
        name: {
            **{"id": name, "name": name, "type": "Pod", "phase": "Failed", "message": message},
            **{"finishedAt": at, **more},
        }
    }


@pytest.mark.parametrize("name", ["release-0", "release-5", "reconcile", "reconcile-clock"])
def test_every_form_is_one_that_the_api_server_takes_strictly(
    kubernetes: Api, runs: str, name: str
) -> None:
    form = compiler.structure(compiler.COMPILED / "argo" / f"{name}.yaml")
    kind = Kind(form["apiVersion"], form["kind"], f"{form['kind'].lower()}s")
    kubernetes.create(kind, runs, form)
    kubernetes.delete(kind, runs, name)


def test_a_release_is_a_workflow_of_its_name(
    engine: ArgoEngine, kubernetes: Api, runs: str
) -> None:
    assert engine.release_id(NAME, "") == engine.release_id(NAME, "2") == FIRST
    run = engine.submit(NAME, "2", FIRST)
    assert run.name == FIRST
    assert found(kubernetes, runs)["spec"]["workflowTemplateRef"] == {"name": "release-1"}
    assert engine.alive(run)
    assert engine.newest(FIRST) == run
    assert engine.running() == [run]


def test_a_second_one_of_a_release_is_refused_while_the_first_goes_on(
    engine: ArgoEngine, kubernetes: Api, runs: str
) -> None:
    engine.submit(NAME, "2", FIRST)
    with pytest.raises(LeaseHeld, match=f"sluice show {FIRST}"):
        engine.submit(NAME, "2", FIRST)
    assert len(kubernetes.list(WORKFLOW, runs)) == 1


def test_a_release_by_hand_does_not_wait_behind_another_one(
    engine: ArgoEngine, demo: Scene
) -> None:
    demo.world.leases.swap(NAME, None, Lease(NAME, "rel-demo-v1-1", "somebody", 60, {}))
    with pytest.raises(LeaseHeld, match="is held by release rel-demo-v1-1"):
        engine.release_id(NAME, "2")


def test_a_release_whose_workflow_is_gone_while_it_waits_is_approved_into_a_new_one(
    kubernetes: Api, team: str, runs: str, engine: ArgoEngine
) -> None:
    waits = quick(approval="required")
    platform = waits.world.platform
    own = ArgoEngine(kubernetes, team, platform)
    own.submit(NAME, "2", FIRST)

    def delete() -> None:
        kubernetes.delete(WORKFLOW, runs, FIRST)
        raise Killed("its pod is gone with it")

    waits.world.clock.after(300, delete)
    with pytest.raises(Killed):
        waits.walk("2", FIRST, engine="workflow 1")
    assert engine.newest(FIRST) is None
    deciding.approve(platform, FIRST, "")
    assert deciding.carry_on(platform, own, FIRST).endswith(f"its new run {FIRST} does")
    spec = found(kubernetes, runs)["spec"]
    assert spec["workflowTemplateRef"] == {"name": "release-1"}
    given = {each["name"]: each["value"] for each in spec["arguments"]["parameters"]}
    assert given == {"endpoint": NAME, "release_id": FIRST}
    assert waits.walk("2", FIRST, engine="workflow 2").outcome == "promoted"
    assert waits.one_version(FIRST) == "promoted"


def test_without_a_candidate_a_version_must_be_named(engine: ArgoEngine, demo: Scene) -> None:
    demo.world.registry.delete_alias(MODEL, names.CANDIDATE)
    with pytest.raises(InputError, match="no alias 'candidate'"):
        engine.release_id(NAME, "")


def test_a_release_that_is_resumed_is_a_run_of_its_own(
    engine: ArgoEngine, demo: Scene, kubernetes: Api, runs: str
) -> None:
    engine.submit(NAME, "2", FIRST)
    with demo.opened(FIRST) as release:
        opening.fetch(release, NAME, "2")
    ends(kubernetes, runs, "Failed")
    run = engine.submit("", "", FIRST)
    assert run.name == f"{FIRST}-r2"
    assert engine.newest(FIRST) == run
    given = found(kubernetes, runs, run.name)["spec"]["arguments"]["parameters"]
    assert {each["name"]: each["value"] for each in given} == {
        "endpoint": NAME,
        "release_id": FIRST,
    }


@pytest.mark.parametrize("lost", ["requests", "answers"])
def test_an_answer_that_is_lost_makes_no_second_workflow(
    kubernetes: Api, engine: ArgoEngine, runs: str, demo: Scene, lost: str
) -> None:
    api, wire = losing(kubernetes)
    with closing(api):
        setattr(wire, lost, 1)
        other = ArgoEngine(api, runs.removesuffix("-runs"), demo.world.platform)
        if lost == "answers":
            assert other.submit(NAME, "2", FIRST).name == FIRST
        else:
            with pytest.raises(Exception, match="lost on its way"):
                other.submit(NAME, "2", FIRST)
    assert len(kubernetes.list(WORKFLOW, runs)) == (lost == "answers")


def test_a_run_is_asked_to_end_and_one_that_is_gone_need_not_be(
    engine: ArgoEngine, kubernetes: Api, runs: str
) -> None:
    run = engine.submit(NAME, "2", FIRST)
    engine.stop(run)
    assert found(kubernetes, runs)["spec"]["shutdown"] == "Stop"
    kubernetes.delete(WORKFLOW, runs, FIRST)
    engine.stop(run)
    gone = engine.result(run)
    assert (gone.code, gone.message) == (1, f"the workflow {FIRST} was deleted before its end")


def test_a_workflow_that_has_ended_is_not_alive(
    engine: ArgoEngine, kubernetes: Api, runs: str
) -> None:
    run = engine.submit(NAME, "2", FIRST)
    ends(kubernetes, runs, "Succeeded")
    assert not engine.alive(run)
    assert engine.running() == []
    result = engine.result(run)
    assert result == Result(0)
    assert result.ended_at == 1795748400.0


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (
            {
                "nodes": {
                    **node("b", "Error (exit code 1)", at="2026-11-27T03:00:05Z"),
                    **node(
                        "a",
                        "Error (exit code 1): "
                        + json.dumps({"error": "InputError", "message": "no such version"}),
                    ),
                }
            },
            Result(1, "InputError", "no such version"),
        ),
        (
            {"nodes": node("a", 'ImagePullBackOff: Back-off pulling image "x{y"', phase="Error")},
            Result(1, "", 'ImagePullBackOff: Back-off pulling image "x{y"'),
        ),
        (
            {"message": "invalid spec: template name 'nosuch' undefined"},
            Result(1, "", "invalid spec: template name 'nosuch' undefined"),
        ),
        ({}, Result(1, "", "Argo says nothing")),
    ],
)
def test_why_a_run_ended_is_what_its_step_left_or_what_argo_says(
    engine: ArgoEngine, kubernetes: Api, runs: str, status: Object, expected: Result
) -> None:
    run = engine.submit(NAME, "2", FIRST)
    ends(kubernetes, runs, "Failed", **status)
    assert engine.result(run) == expected


def test_nobody_knows_how_a_run_goes_while_the_api_server_is_away(
    engine: ArgoEngine, kubernetes: Api, team: str, demo: Scene
) -> None:
    run = engine.submit(NAME, "2", FIRST)
    away = Api(replace(kubernetes.access, server="https://127.0.0.1:1"))
    with closing(away):
        assert ArgoEngine(away, team, demo.world.platform).alive(run)
    assert engine.alive(Run(FIRST, FIRST, ""))

"""What Argo leaves out of a workflow, or null, as an engine reads it."""

from contextlib import closing
from typing import Any

import httpx
import pytest

from cluster.argo import ArgoEngine
from cluster.kinds import WORKFLOW, Object
from components.engine import Result, Run
from components.platform.memory import World
from tests.support.wires import answering

RUN = Run("rel-demo-v2-1", "rel-demo-v2-1", "")
BEGAN, STARTED = "2026-11-27T03:00:00Z", "2026-11-27T03:00:10Z"
AT = 1795748400.0


def written(**status: Any) -> Object:
    """A workflow as the API server has it."""
    made = {"name": RUN.name, "creationTimestamp": BEGAN}
    parameters = [{"name": "release_id", "value": RUN.release_id}]
    return WORKFLOW.object(made, spec={"arguments": {"parameters": parameters}}, status=status)


def result(found: Object) -> Result:
    """What the engine makes of it."""
    with closing(answering(lambda _: httpx.Response(200, json=found))) as api:
        return ArgoEngine(api, "demo", World().platform).result(RUN)


NODE = {"type": "Pod", "phase": "Error"}


@pytest.mark.parametrize(
    ("status", "message", "ended_at"),
    [
        ({"phase": "Error", "finishedAt": None}, "Argo says nothing", AT),
        ({"phase": "Error", "finishedAt": None, "startedAt": None}, "Argo says nothing", AT),
        ({"phase": "Error", "startedAt": STARTED, "message": None}, "Argo says nothing", AT + 10),
        ({"phase": "Failed", "finishedAt": STARTED, "nodes": None}, "Argo says nothing", AT + 10),
        ({"phase": "Failed", "nodes": {"a": {}, "b": {"type": "Pod"}}}, "Argo says nothing", AT),
        ({"phase": "Failed", "nodes": {"a": {**NODE, "message": None}}}, "Argo says nothing", AT),
        ({"phase": "Failed", "nodes": {"a": {**NODE, "message": "evicted"}}}, "evicted", AT),
        ({}, "Argo says nothing", AT),
    ],
)
def test_a_run_of_which_argo_does_not_say_all_has_a_result(
    status: Object, message: str, ended_at: float
) -> None:
    found = result(written(**status))
    assert found == Result(1, "", message)
    assert found.ended_at == ended_at


def test_the_first_failure_is_the_reason_and_one_without_a_time_is_none() -> None:
    def node(error: str, at: str | None) -> Object:
        said = f'Error (exit code 1): {{"error": "{error}", "message": "it failed"}}'
        return {**NODE, "message": said, "finishedAt": at}

    nodes = {"a": node("Third", None), "b": node("Second", "2026-11-27T03:00:09Z")}
    nodes["c"] = node("First", "2026-11-27T03:00:01Z")
    assert result(written(phase="Failed", nodes=nodes)).error == "First"


def test_a_workflow_that_has_only_just_been_made_or_is_somebody_s_own_stops_no_list() -> None:
    own = WORKFLOW.object({"name": "own", "creationTimestamp": BEGAN}, spec={"arguments": None})
    bare = WORKFLOW.object({"name": "bare", "creationTimestamp": BEGAN}, spec={})
    nameless = written()
    nameless["spec"]["arguments"]["parameters"][0]["value"] = None
    listed = {"kind": "WorkflowList", "items": [own, bare, nameless, written() | {"status": None}]}
    with closing(answering(lambda _: httpx.Response(200, json=listed))) as api:
        engine = ArgoEngine(api, "demo", World().platform)
        assert [each.name for each in engine.running()] == [RUN.name]
        assert engine.newest(RUN.release_id) is not None

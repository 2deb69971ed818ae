"""Whether a predictor can answer, by what KServe, the kubelet and the Service say."""

from datetime import UTC, datetime
from typing import Any

import pytest

from cluster.inference_services import inference_service
from cluster.kinds import INFERENCE_SERVICE, POD, Object
from cluster.names import annotation
from cluster.readiness import left_over, missing, running
from cluster.readiness import readiness as readiness_at
from cluster.settings import Predictor
from components.platform import Readiness, Running, StoredVersion
from components.platform.memory import ManualClock
from tests.support.endpoints import endpoint
from tests.support.wires import Remembering, serving

NOW = 1_800_000_000.0
ANSWERING: list[Object] = [{"endpoints": [{"conditions": {"ready": True}}]}]
NOBODY: list[Object] = [{"endpoints": [{"conditions": {"ready": False}}]}, {"endpoints": None}]


def readiness(
    service: Object | None, pods: list[Object], slices: list[Object], now: float = NOW
) -> Readiness:
    return readiness_at(service, pods, slices, now)


def service(ready: bool = False, reason: str = "", **model: Any) -> dict[str, Any]:
    status = {"type": "Ready", "status": str(ready), "reason": reason, "message": "pods refused"}
    return {
        "metadata": {"name": "demo-v8"},
        "status": {"conditions": [status], "modelStatus": model},
    }


def pod(**container: Any) -> dict[str, Any]:
    return {"status": {"containerStatuses": [{"name": "kserve-container", **container}]}}


def ended(message: str = "", code: int = 1) -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "message": message, "reason": "Error"}}


READY = service(ready=True, transitionStatus="UpToDate")


def test_ready_is_who_says_so_and_has_a_pod_that_answers() -> None:
    assert readiness(READY, [], ANSWERING).state == "ready"
    assert readiness(READY, [], NOBODY).state == "starting"
    assert readiness(READY, [], []).state == "starting"
    loading = service(ready=True, transitionStatus="InProgress")
    assert readiness(loading, [], ANSWERING).state == "starting"


def test_one_that_is_scaled_out_is_as_ready_as_before() -> None:
    growing = service(reason="MinimumReplicasUnavailable", transitionStatus="InProgress")
    assert readiness(growing, [], ANSWERING).state == "ready"
    assert readiness(growing, [], NOBODY).state == "starting"


def test_absent_is_who_was_not_created_or_leaves() -> None:
    assert readiness(None, [], []).state == "absent"
    leaving = READY | {"metadata": {"deletionTimestamp": "2026-11-27T00:00:00Z"}}
    assert readiness(leaving, [], ANSWERING).state == "absent"


def test_files_that_do_not_add_up_are_told_by_the_initializer_s_last_words() -> None:
    failure = {"exitCode": 1, "message": "model.onnx does not match\nits checksum\n"}
    blocked = service(transitionStatus="BlockedByFailedLoad", lastFailureInfo=failure)
    found = readiness(blocked, [], [])
    assert (found.state, found.why) == ("failed", "model.onnx does not match its checksum")


def test_a_failure_that_was_mended_is_none() -> None:
    failure = {"message": "of yesterday"}
    mended = service(ready=True, transitionStatus="UpToDate", lastFailureInfo=failure)
    assert readiness(mended, [], ANSWERING).state == "ready"
    again = service(transitionStatus="InProgress", lastFailureInfo=failure)
    assert readiness(again, [], []).state == "starting"


@pytest.mark.parametrize("reason", ["FailedCreate", "ReconcileFailed"])
def test_a_pod_that_is_refused_has_failed_at_once(reason: str) -> None:
    found = readiness(service(reason=reason, transitionStatus="InProgress"), [], [])
    assert (found.state, found.why) == ("failed", f"{reason}: pods refused")


def test_a_predictor_that_ends_before_it_was_ready_says_why() -> None:
    said = "a log\nsluice predictor: model.onnx: not a graph\nand a last line\n"
    for states in (
        {"state": ended(said)},
        {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": ended(said)},
    ):
        found = readiness(service(), [pod(ready=False, **states)], [])
        assert (found.state, found.why) == ("failed", "model.onnx: not a graph")
    found = readiness(service(), [pod(ready=False, state=ended())], [])
    assert (found.state, found.why) == ("failed", "kserve-container ended: Error")


def test_one_that_was_restarted_and_is_ready_has_not_failed() -> None:
    restarted = pod(ready=True, state={"running": {}}, lastState=ended("of yesterday"))
    assert readiness(READY, [restarted], ANSWERING).state == "ready"
    assert readiness(service(), [restarted], []).state == "starting"


def test_an_image_that_cannot_be_had_is_told() -> None:
    never = {"waiting": {"reason": "ErrImageNeverPull", "message": "no image x"}}
    assert readiness(service(), [pod(state=never)], []).state == "failed"
    later = {"waiting": {"reason": "ErrImagePull", "message": "timeout"}}
    found = readiness(service(), [pod(state=later)], [])
    assert (found.state, found.why) == ("starting", "ErrImagePull: timeout")


@pytest.mark.parametrize("reason", ["ErrImagePull", "ImagePullBackOff"])
def test_an_image_that_could_not_be_had_for_a_minute_will_not_be(reason: str) -> None:
    """From when this image was wanted: the files before it may have taken long."""

    def began(**seconds: float) -> list[Object]:
        waits = {"waiting": {"reason": reason, "message": "x: not found"}}
        conditions = [
            {
                "type": name,
                "status": "True",
                "lastTransitionTime": datetime.fromtimestamp(NOW - ago, UTC).isoformat(),
            }
            for name, ago in seconds.items()
        ]
        return [
            {
                "status": {"initContainerStatuses": [{"name": "i", "state": waits}]}
                | {"conditions": conditions}
            }
        ]

    found = readiness(service(), began(PodScheduled=60), [])
    assert (found.state, found.why) == ("failed", f"{reason}: x: not found")
    assert readiness(service(), began(PodScheduled=59), []).state == "starting"
    assert readiness(service(), began(PodScheduled=600, Initialized=59), []).state == "starting"
    assert readiness(service(), began(PodScheduled=600, Initialized=60), []).state == "failed"
    assert readiness(service(), began(), []).state == "starting"


@pytest.mark.parametrize("skew", [-120.0, 0.0, 120.0])
def test_a_pull_is_timed_by_the_cluster_s_clock_whatever_the_step_s_own_says(skew: float) -> None:
    wire = Remembering(date=NOW)
    demo = endpoint("demo")
    stored = StoredVersion("demo", "1", "a" * 64, "s3://sluice/versions/a")
    made = inference_service(demo, stored, "1", Predictor(image="localhost/none:1"))
    wire.keep(INFERENCE_SERVICE, "demo", made)
    waits = {"waiting": {"reason": "ErrImagePull", "message": "x: not found"}}
    scheduled = {"type": "PodScheduled", "status": "True"}

    def said(ago: float) -> str:
        since = datetime.fromtimestamp(NOW - ago, UTC).isoformat()
        status = {
            "containerStatuses": [{"name": "kserve-container", "state": waits}],
            "conditions": [scheduled | {"lastTransitionTime": since}],
        }
        named = {"serving.kserve.io/inferenceservice": "demo-v1"}
        pod = POD.object({"name": "p", "labels": named}, spec={}, status=status)
        wire.keep(POD, "demo", pod)
        return serving(wire, "demo", ManualClock(NOW + skew)).readiness("demo", "1").state

    assert said(5) == "starting"
    assert said(61) == "failed"


FULL = 'Usage of EmptyDir volume "tmp" exceeds the limit "10Mi".'


def evicted(message: str = FULL, created: str = "2026-11-27T10:00:00Z", arm: str = "8") -> Object:
    """A pod as the kubelet leaves it."""
    killed = {"name": "kserve-container", "ready": False, "state": ended(code=137)}
    return {
        "metadata": {
            "name": f"gone-{created}",
            "creationTimestamp": created,
            "annotations": {annotation("endpoint"): "demo", annotation("arm"): arm},
        },
        "spec": {"containers": [{"name": "kserve-container"}]},
        "status": {
            "phase": "Failed",
            "reason": "Evicted",
            "message": message,
            "containerStatuses": [killed],
        },
    }


def test_a_pod_that_was_evicted_says_nothing_of_the_next_one() -> None:
    assert readiness(READY, [evicted()], ANSWERING).state == "ready"
    loading = pod(ready=False, state={"running": {}})
    found = readiness(service(), [evicted(), loading], [])
    after = f"after 1 that ended: Evicted: {FULL}"
    assert (found.state, found.why) == ("starting", f"the model is loading, {after}")
    blocked = service(transitionStatus="BlockedByFailedLoad", lastFailureInfo={"message": "killed"})
    assert readiness(blocked, [evicted(), loading], []).state == "starting"
    wrong = pod(ready=False, state=ended("model.onnx: altered"))
    assert readiness(blocked, [evicted(), wrong], []).why == "model.onnx: altered"


def test_who_is_evicted_again_before_it_answers_has_failed_with_the_last_reason() -> None:
    last = "The node was low on resource: ephemeral-storage."
    pods = [evicted(last, "2026-11-27T10:01:00Z"), evicted(), pod(ready=False)]
    found = readiness(service(), pods, [])
    assert (found.state, found.why) == (
        "failed",
        f"2 of its pods have ended: Evicted: {last}",
    )
    assert readiness(service(), pods, ANSWERING).state == "starting"
    assert readiness(READY, pods, ANSWERING).state == "ready"


def test_pods_that_were_evicted_and_let_their_requests_finish_have_no_reason() -> None:
    gone = {"metadata": {}, "status": {"phase": "Succeeded"}}
    assert "events" in readiness(service(), [gone, gone], []).why
    assert readiness(service(), [gone, evicted(), gone], []).why.endswith(f"Evicted: {FULL}")


def test_a_pod_that_its_node_refused_is_told_by_the_node_s_word() -> None:
    refused = {"metadata": {}, "status": {"phase": "Failed", "reason": "OutOfcpu"}}
    found = readiness(service(), [refused, refused], [])
    assert found.why == "2 of its pods have ended: OutOfcpu"


def test_what_is_missing_of_several_is_told_past_those_that_have_ended() -> None:
    growing = running_pod(ready="False")
    growing["status"]["containerStatuses"][1]["state"] = {"running": {}}
    said = missing({"status": {}}, [evicted(), growing])
    assert said == f"the model is loading, after 1 that ended: Evicted: {FULL}"


def test_what_has_ended_is_left_over_where_another_one_serves() -> None:
    serves = running_pod()
    serves["metadata"]["annotations"][annotation("endpoint")] = "demo"
    old = evicted()
    assert left_over([serves, old, evicted(arm="9")]) == [old["metadata"]["name"]]
    assert left_over([old, running_pod(ready="False")]) == []


def test_what_it_waits_for_is_said() -> None:
    full = {"type": "PodScheduled", "status": "False", "message": "1 Insufficient cpu"}
    found = readiness(service(), [{"status": {"conditions": [full]}}], [])
    assert (found.state, found.why) == ("starting", "no node has room: 1 Insufficient cpu")
    assert readiness(service(), [], []).why == "its pod is being made"
    loading = pod(ready=False, state={"running": {}})
    assert readiness(service(), [loading], []).why == "the model is loading"


def test_a_quota_that_refuses_one_pod_of_two_is_told_at_once() -> None:
    """KServe passes on the Deployment's ReplicaFailure, though one pod answers already."""
    refused = service(reason="FailedCreate", transitionStatus="InProgress")
    found = readiness(refused, [pod(ready=True)], ANSWERING)
    assert (found.state, found.why) == ("failed", "FailedCreate: pods refused")


def test_a_name_that_kserve_can_give_no_address_is_told_at_once() -> None:
    said = 'invalid domain name "x-y.z"'
    refused: Object = {
        "metadata": {"name": "demo-v10"},
        "status": {"conditions": [{"type": "IngressReady", "status": "False", "message": said}]},
    }
    found = readiness(refused, [], [])
    assert (found.state, found.why) == ("failed", said)


def running_pod(*, ready: str = "True", **metadata: Any) -> Object:
    limits = {"limits": {"cpu": "50m", "memory": "1Gi"}}
    containers = [{"name": "other"}, {"name": "kserve-container", "resources": limits}]
    return {
        "metadata": {"annotations": {annotation("arm"): "8"}, **metadata},
        "spec": {"containers": containers},
        "status": {
            "conditions": [{"type": "Ready", "status": ready}],
            "containerStatuses": [
                {"name": "other", "imageID": "localhost/other@sha256:0"},
                {"name": "kserve-container", "imageID": "localhost/sluice@sha256:1a"},
            ],
        },
    }


def test_a_pod_says_which_arm_runs_which_image_within_which_limits() -> None:
    assert running(running_pod(), "8") == Running("8", True, "sha256:1a", "50m", "1Gi")
    assert not running(running_pod(ready="False"), "8").ready


def test_a_pod_that_leaves_is_not_ready_though_it_still_answers() -> None:
    assert not running(running_pod(deletionTimestamp="2026-11-27T00:00:00Z"), "8").ready


def test_a_pod_that_nobody_has_started_runs_nothing_yet() -> None:
    bare = {"metadata": {}, "spec": {"containers": [{"name": "kserve-container"}]}}
    assert running(bare, "8") == Running("8", False)


AGAIN = {"ready": False, "state": {"running": {}}, "lastState": ended(code=255)}
"""A container that ended once, and runs again."""


def meshed(beside: Object, first: Object | None = None) -> Object:
    """A pod whose model loads, with a container that somebody else has put there."""
    loads = {"name": "kserve-container", "ready": False, "state": {"running": {}}}
    return {
        "status": {
            "initContainerStatuses": [first] if first else [],
            "containerStatuses": [{"name": "istio-proxy", **beside}, loads],
        }
    }


def test_a_container_of_somebody_else_s_that_began_anew_is_no_failure_of_the_version() -> None:
    found = readiness(service(), [meshed(AGAIN)], [])
    assert (found.state, found.why) == ("starting", "the model is loading")
    # One that stays beside the others, and starts before them (`restartPolicy: Always`).
    native = {"name": "istio-proxy", **AGAIN}
    assert readiness(service(), [meshed({"ready": True}, native)], []).state == "starting"
    assert missing({"status": {}}, [running_pod(ready="False") | meshed(AGAIN)]) == (
        "the model is loading"
    )


def test_one_of_somebody_else_s_that_has_ended_is_what_is_waited_for() -> None:
    waits = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
    for states in (
        {"state": ended("no route to istiod\n")},
        {"state": waits, "lastState": ended("no route to istiod\n")},
    ):
        found = readiness(service(), [meshed({"ready": False, **states})], [])
        assert (found.state, found.why) == ("starting", "istio-proxy ended: no route to istiod")
    found = readiness(service(), [meshed({"ready": False, "state": ended()})], [])
    assert (found.state, found.why) == ("starting", "istio-proxy ended: Error")


def test_an_image_of_somebody_else_s_that_cannot_be_had_is_told() -> None:
    never = {"waiting": {"reason": "ErrImageNeverPull", "message": "no image x"}}
    found = readiness(service(), [meshed({"state": never})], [])
    assert (found.state, found.why) == ("failed", "ErrImageNeverPull: no image x")


def test_files_that_were_not_fetched_have_failed_whoever_is_beside_them() -> None:
    fetched = {"name": "storage-initializer", "ready": False, "state": ended("a.bin: altered")}
    found = readiness(service(), [meshed(AGAIN, fetched)], [])
    assert (found.state, found.why) == ("failed", "a.bin: altered")

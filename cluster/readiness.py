"""Whether a predictor can answer, and why not, from what the cluster says of it: pure functions."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from cluster.kinds import Object
from cluster.names import said
from components.platform import Readiness, Running

_MODEL, _FILES = "kserve-container", "storage-initializer"
"""The containers of a pod that are ours, as KServe names them: what serves, and what fetches before
that. Others may put their own beside them, and those may begin anew (a mesh's proxy)."""
_REFUSES = "sluice predictor: "
"""How a predictor begins its last line, which says why it does not serve."""
_FAILED = {"FailedCreate", "ReconcileFailed"}
"""Reasons of a condition after which nothing gets better by waiting."""
_GROWS = "MinimumReplicasUnavailable"
"""What KServe says of a version that is to have more pods than are ready, were there any or not."""
_NO_NAME = "invalid domain name"
"""What KServe says where name and namespace are too long together (`sluice up` says the mend)."""
_NEVER = {"InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError"}
"""Reasons why a container waits, likewise."""
_PULLS = {"ErrImagePull", "ImagePullBackOff"}
"""Reasons of one whose image the kubelet could not pull, and tries again and again..."""
_PULLS_S = 60.0
"""...for so long before it is told: four times, or nearly."""
_ENDED = {"Failed", "Succeeded"}
"""Phases of a pod that does not run again: what wants it makes another one, and leaves it there."""
_LOST = 2
"""So many such pods, and none that answers: the next one ends likewise. One may have had bad luck
with its node."""
_UNSURE = {"", "CrashLoopBackOff", "ContainerCreating", "PodInitializing"}
"""Those that say nothing of the cause."""


def readiness(
    service: Object | None, pods: Sequence[Object], slices: Sequence[Object], now: float
) -> Readiness:
    """What is known of a predictor from its InferenceService, its pods and its Service's endpoints.

    That it says Ready is not enough: it does so of one that has no pod, too.

    Args:
        service: it; None if there is none.
        pods: all of its pods, those that have ended included.
        slices: its Service's EndpointSlices.
        now: seconds since the epoch, about as the cluster has them.
    """
    if service is None:
        return Readiness("absent", "it was not created")
    if service["metadata"].get("deletionTimestamp"):
        return Readiness("absent", "it is being deleted")
    status: Mapping[str, Any] = service.get("status") or {}
    ready = _condition(status, "Ready").get("status") == "True"
    model: Mapping[str, Any] = status.get("modelStatus") or {}
    transition = model.get("transitionStatus")
    if answering(slices) and ((ready and transition == "UpToDate") or _grows(status)):
        return Readiness("ready")
    there, lost = _there(pods), [each for each in pods if has_ended(each)]
    # What is said of a pod that was evicted while it fetched its files is not said of the next one.
    blocked = transition == "BlockedByFailedLoad" and not lost
    if why := _failed(status) or _stuck(there, now) or _ended(there, crashed=not blocked):
        return Readiness("failed", _line(why))
    if len(lost) >= _LOST and not answering(slices):
        return Readiness("failed", _line(f"{len(lost)} of its pods have ended: {_last_of(lost)}"))
    if blocked:
        # What failed once stays there after it was mended: only now it is the cause.
        failure = model.get("lastFailureInfo") or {}
        return Readiness("failed", _line(str(failure.get("message") or failure.get("reason"))))
    return Readiness("starting", _line(_waits(pods)))


def has_ended(pod: Object) -> bool:
    """Whether a pod is left over: evicted, say, or refused by its node."""
    return (pod.get("status") or {}).get("phase") in _ENDED


def left_over(pods: Sequence[Object]) -> list[str]:
    """The pods that have ended of predictors that answer again: they say nothing of them any more.

    Those of one that does not answer say why.
    """
    arms = {_own(each) for each in pods if running(each, "").ready}
    return [
        str(each["metadata"]["name"]) for each in pods if has_ended(each) and _own(each) in arms
    ]


def _own(pod: Object) -> tuple[str, str]:
    return said(pod, "endpoint"), said(pod, "arm")


def _there(pods: Iterable[Object]) -> list[Object]:
    return [each for each in pods if not has_ended(each)]


def _last_of(lost: Sequence[Object]) -> str:
    """Why the newest of the pods that have ended did, in the API's words.

    It has none for one that was evicted and let its requests finish: that one has succeeded.
    """
    told = [each for each in lost if each["status"].get("reason")]
    if not told:
        return "by themselves, as evicted ones may: 'kubectl get events' says why"
    newest = max(told, key=lambda each: str(each["metadata"].get("creationTimestamp", "")))
    status = newest["status"]
    return f"{status['reason']}: {status.get('message') or ''}".strip(" :")


def running(pod: Object, arm: str) -> Running:
    """What is known of a pod of the arm's predictor."""
    status = pod.get("status") or {}
    own = [each for each in status.get("containerStatuses") or [] if each["name"] == _MODEL]
    limits: Mapping[str, str] = next(
        (
            (each.get("resources") or {}).get("limits") or {}
            for each in pod["spec"]["containers"]
            if each["name"] == _MODEL
        ),
        {},
    )
    leaves = "deletionTimestamp" in pod["metadata"]
    return Running(
        arm,
        ready=not leaves and _condition(status, "Ready").get("status") == "True",
        code=next((str(each.get("imageID") or "") for each in own), "").rpartition("@")[2],
        cpu=limits.get("cpu", ""),
        memory=limits.get("memory", ""),
    )


def _condition(status: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found: list[Mapping[str, Any]] = status.get("conditions") or []
    return next((each for each in found if each.get("type") == name), {})


def answering(slices: Iterable[Object]) -> bool:
    """Whether a Service leads to a pod that is ready, from its endpoints."""
    endpoints = [each for one in slices for each in one.get("endpoints") or []]
    return any((each.get("conditions") or {}).get("ready") for each in endpoints)


def _grows(status: Mapping[str, Any]) -> bool:
    """Whether the only thing that KServe misses is that all of its pods are ready."""
    return any(
        _condition(status, name).get("reason") == _GROWS for name in ("PredictorReady", "Ready")
    )


def _failed(status: Mapping[str, Any]) -> str:
    for each in status.get("conditions") or []:
        if _NO_NAME in str(each.get("message", "")):
            return str(each["message"])
    for name in ("PredictorReady", "Ready"):
        condition = _condition(status, name)
        if condition.get("reason") in _FAILED:
            return f"{condition['reason']}: {condition.get('message', '')}"
    return ""


def _containers(pods: Iterable[Object]) -> Iterable[Mapping[str, Any]]:
    for pod in pods:
        status = pod.get("status") or {}
        yield from status.get("initContainerStatuses") or []
        yield from status.get("containerStatuses") or []


def _stuck(pods: Iterable[Object], now: float) -> str:
    for pod in pods:
        for each in _containers([pod]):
            waiting = (each.get("state") or {}).get("waiting") or {}
            reason = waiting.get("reason")
            if reason in _NEVER or (reason in _PULLS and now - _since(pod, now) >= _PULLS_S):
                return f"{reason}: {waiting.get('message', '')}"
    return ""


def _since(pod: Object, now: float) -> float:
    """Since when a pod's containers could be started that are to be; ``now`` if it is not said."""
    status = pod.get("status") or {}
    for name in ("Initialized", "PodScheduled"):
        condition = _condition(status, name)
        if condition.get("status") == "True" and condition.get("lastTransitionTime"):
            return datetime.fromisoformat(condition["lastTransitionTime"]).timestamp()
    return now


def _ended(pods: Iterable[Object], *, crashed: bool) -> str:
    """What a container of ours said that ended before it was ever ready."""
    for each in _containers(pods):
        if each["name"] not in {_MODEL, _FILES} or each.get("ready"):
            continue
        ended = _terminated(each)
        said = _last(str(ended.get("message") or ""))
        if ended and (crashed or said):
            return said or f"{each['name']} ended: {ended.get('reason', 'Error')}"
    return ""


def _terminated(container: Mapping[str, Any]) -> Mapping[str, Any]:
    """How a container failed, now or before it began anew; empty: it has not."""
    states = (container.get("state") or {}, container.get("lastState") or {})
    ended: Mapping[str, Any] = next((s["terminated"] for s in states if "terminated" in s), {})
    return ended if ended.get("exitCode", 0) else {}


def _last(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    own = [line for line in lines if line.startswith(_REFUSES)]
    return (own or lines or [""])[-1].removeprefix(_REFUSES)


def refused(deployment: Object) -> str:
    """Why no more pods of a Deployment are let in, by a quota say; empty: they are."""
    found = _condition(deployment.get("status") or {}, "ReplicaFailure")
    if found.get("status") != "True":
        return ""
    return _line(f"{found.get('reason')}: {found.get('message', '')}")


def missing(deployment: Object, pods: Sequence[Object]) -> str:
    """Why a Deployment has fewer pods ready than it is to have."""
    if why := refused(deployment):
        return why
    late = [each for each in pods if not running(each, said(each, "arm")).ready]
    there = _there(late)
    return _line(_stuck(there, 0.0) or _ended(there, crashed=True) or _waits(late))


def _waits(pods: Sequence[Object]) -> str:
    """What the pods that are there wait for, and why there are not others in their place."""
    there, lost = _there(pods), [each for each in pods if has_ended(each)]
    before = f", after {len(lost)} that ended: {_last_of(lost)}" if lost else ""
    return _waiting(there) + before


def _waiting(pods: Sequence[Object]) -> str:
    for pod in pods:
        scheduled = _condition(pod.get("status") or {}, "PodScheduled")
        if scheduled.get("status") == "False":
            return f"no node has room: {scheduled.get('message', '')}"
    for each in _containers(pods):
        waiting = (each.get("state") or {}).get("waiting") or {}
        if waiting.get("reason", "") not in _UNSURE:
            return f"{waiting['reason']}: {waiting.get('message', '')}"
        if "running" not in (each.get("state") or {}) and (ended := _terminated(each)):
            said = _last(str(ended.get("message") or "")) or ended.get("reason", "Error")
            return f"{each['name']} ended: {said}"
    return "the model is loading" if pods else "its pod is being made"


def _line(said: str) -> str:
    return " ".join(said.split()) or "it does not say why"

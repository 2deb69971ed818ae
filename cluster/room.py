"""Whether one predictor more has room: by the quotas of the team's namespace.

What the nodes have is the scheduler's to know, and an autoscaler's to change: a pod that finds no
room says so (`cluster.readiness`).
"""

from collections.abc import Iterable, Mapping

from cluster.api import Api
from cluster.disk import disk
from cluster.kinds import (
    DEPLOYMENT,
    INFERENCE_SERVICE,
    RESOURCE_QUOTA,
    SCALED_OBJECT,
    Kind,
    Object,
)
from components.endpoint import Endpoint
from components.platform import Room, StoredVersion
from components.quantity import amount

_DISK = "ephemeral-storage"
_KUBERNETES = {"pods", "services", "count/pods", "count/services", "count/replicasets.apps"}
_AUTOSCALER = "count/horizontalpodautoscalers.autoscaling"
_Resources = Mapping[str, Mapping[str, str]]
"""Requests and limits of a container, by these words."""


def room(
    api: Api, namespace: str, endpoint: Endpoint, there: Iterable[Object], *, scaled: bool
) -> Room:
    """Whether the quotas leave room for one predictor more of the endpoint.

    Args:
        api: the API server.
        namespace: the team's.
        endpoint: its file.
        there: the endpoint's InferenceServices: one more takes as much of the disk.
        scaled: KEDA scales predictors.
    """
    asked = _asked(endpoint, _largest(map(_resources, there)), scaled=scaled)
    quotas = api.list(RESOURCE_QUOTA, namespace)
    for each in quotas:
        status = each.get("status") or {}
        if why := _short(status.get("hard") or {}, status.get("used") or {}, asked):
            return Room(False, f"quota {each['metadata']['name']}: {why}")
    return Room(True, f"{len(quotas) or 'no'} quotas of namespace {namespace} leave room")


def never(
    api: Api, namespace: str, endpoint: Endpoint, stored: StoredVersion, *, scaled: bool
) -> str:
    """Why no predictor of the version can be made there, whoever else leaves; empty: one can.

    A quota that counts some pods only may count none of ours.
    """
    given = disk(stored.size, endpoint.serving.resources.memory)
    asked = _asked(endpoint, (given.request, given.limit) if given else None, scaled=scaled)
    for each in api.list(RESOURCE_QUOTA, namespace):
        spec = each.get("spec") or {}
        if spec.get("scopes") or spec.get("scopeSelector"):
            continue
        for line, most in (spec.get("hard") or {}).items():
            if amount(asked.get(line, "0")) > amount(most):
                mend = "raise the quota"
                if line not in _counted(scaled=scaled):
                    mend += ", or ask for less in serving.resources"
                return (
                    f"quota {each['metadata']['name']} of namespace {namespace} grants {most}"
                    f" {line}, and a predictor of {stored.model} version {stored.version} at"
                    f" endpoint {endpoint.name} asks for {asked[line]}: {mend}"
                )
    return ""


def _asked(endpoint: Endpoint, of_disk: tuple[str, str] | None, *, scaled: bool) -> dict[str, str]:
    """What a predictor takes of each line of a quota that counts it."""
    resources = endpoint.serving.resources
    asked = dict.fromkeys(_counted(scaled=scaled), "1")
    for name in ("cpu", "memory"):
        lines = (name, f"requests.{name}", f"limits.{name}")
        asked |= dict.fromkeys(lines, getattr(resources, name))
    if of_disk:
        request, limit = of_disk
        asked |= {_DISK: request, f"requests.{_DISK}": request, f"limits.{_DISK}": limit}
    return asked


def _counted(*, scaled: bool) -> set[str]:
    """The lines of a quota that count the objects of which a predictor has one each, or more."""
    made = {_line(INFERENCE_SERVICE), _line(DEPLOYMENT)} | _KUBERNETES
    return made | ({_line(SCALED_OBJECT), _AUTOSCALER} if scaled else set())


def _line(kind: Kind) -> str:
    return f"count/{kind.plural}.{kind.version.partition('/')[0]}"


def _resources(predictor: Object) -> _Resources:
    containers = (predictor["spec"].get("predictor") or {}).get("containers") or [{}]
    found: _Resources = containers[0].get("resources") or {}
    return found


def _largest(there: Iterable[_Resources]) -> tuple[str, str] | None:
    """What the one of them that takes most of the disk asks for, and its limit."""
    found = [
        (each["requests"][_DISK], each["limits"][_DISK])
        for each in there
        if all(_DISK in (each.get(part) or {}) for part in ("requests", "limits"))
    ]
    return max(found, key=lambda each: amount(each[0]), default=None)


def _short(hard: Mapping[str, str], used: Mapping[str, str], asked: Mapping[str, str]) -> str:
    for line, most in hard.items():
        taken, more = used.get(line, "0"), asked.get(line)
        if more is not None and amount(taken) + amount(more) > amount(most):
            return f"{taken} of {most} {line} are taken, {more} more are asked for"
    return ""

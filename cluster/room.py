"""Whether one predictor more has room: by the quotas of the team's namespace.

What the nodes have is the scheduler's to know, and an autoscaler's to change: a pod that finds no
room says so (`cluster.readiness`).
"""

from collections.abc import Mapping

from cluster.api import Api
from cluster.disk import disk
from cluster.kinds import RESOURCE_QUOTA
from components.endpoint import Endpoint
from components.platform import Room, StoredVersion
from components.quantity import amount

_ASKED = {
    "cpu": "cpu",
    "requests.cpu": "cpu",
    "limits.cpu": "cpu",
    "memory": "memory",
    "requests.memory": "memory",
    "limits.memory": "memory",
}
"""Which of a predictor's resources a line of a quota counts."""
_REQUESTED = ("ephemeral-storage", "requests.ephemeral-storage")
_LIMITED = "limits.ephemeral-storage"


def room(api: Api, namespace: str, endpoint: Endpoint) -> Room:
    """Whether the quotas leave room for one predictor more of the endpoint."""
    resources = endpoint.serving.resources
    asked = {"cpu": resources.cpu, "memory": resources.memory}
    quotas = api.list(RESOURCE_QUOTA, namespace)
    for each in quotas:
        status = each.get("status") or {}
        if why := _short(status.get("hard") or {}, status.get("used") or {}, asked):
            return Room(False, f"quota {each['metadata']['name']}: {why}")
    return Room(True, f"{len(quotas) or 'no'} quotas of namespace {namespace} leave room")


def never(api: Api, namespace: str, endpoint: Endpoint, stored: StoredVersion) -> str:
    """Why no predictor of the version can be made there, whoever else leaves; empty: one can.

    A quota that counts some pods only may count none of ours.
    """
    resources = endpoint.serving.resources
    asked = {line: getattr(resources, of) for line, of in _ASKED.items()}
    if given := disk(stored.size, resources.memory):
        asked |= dict.fromkeys(_REQUESTED, given.request) | {_LIMITED: given.limit}
    for each in api.list(RESOURCE_QUOTA, namespace):
        spec = each.get("spec") or {}
        if spec.get("scopes") or spec.get("scopeSelector"):
            continue
        for line, most in (spec.get("hard") or {}).items():
            if amount(asked.get(line, "0")) > amount(most):
                return (
                    f"quota {each['metadata']['name']} of namespace {namespace} grants {most}"
                    f" {line}, and a predictor of {stored.model} version {stored.version} at"
                    f" endpoint {endpoint.name} asks for {asked[line]}: raise the quota, or ask"
                    " for less in serving.resources"
                )
    return ""


def _short(hard: Mapping[str, str], used: Mapping[str, str], asked: Mapping[str, str]) -> str:
    for line, most in hard.items():
        taken = used.get(line, "0")
        one = "1" if line in {"pods", "count/pods"} else asked.get(_ASKED.get(line, ""), "0")
        if amount(taken) + amount(one) > amount(most):
            return f"{taken} of {most} {line} are taken, {one} more are asked for"
    return ""

"""Whether one predictor more has room: by the quotas of the team's namespace.

What the nodes have is the scheduler's to know, and an autoscaler's to change: a pod that finds no
room says so (`cluster.readiness`).
"""

from collections.abc import Mapping

from cluster.api import Api
from cluster.kinds import RESOURCE_QUOTA
from components.endpoint import Endpoint
from components.platform import Room
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


def _short(hard: Mapping[str, str], used: Mapping[str, str], asked: Mapping[str, str]) -> str:
    for line, most in hard.items():
        taken = used.get(line, "0")
        one = "1" if line in {"pods", "count/pods"} else asked.get(_ASKED.get(line, ""), "0")
        if amount(taken) + amount(one) > amount(most):
            return f"{taken} of {most} {line} are taken, {one} more are asked for"
    return ""

"""Roles of the manifests with one right fewer, each for a user of its own, on a real API server."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cluster.api import Api
from cluster.kinds import Kind, Object
from tests.support.accounts import rendered

GROUP = "rbac.authorization.k8s.io"
CLUSTER_ROLE = Kind(f"{GROUP}/v1", "ClusterRole", "clusterroles")
BINDINGS = {
    True: Kind(f"{GROUP}/v1", "RoleBinding", "rolebindings"),
    False: Kind(f"{GROUP}/v1", "ClusterRoleBinding", "clusterrolebindings"),
}
_KINDS = ("ClusterRole", "Role")


@dataclass(frozen=True)
class Right:
    """One verb of one resource that a role gives."""

    role: str
    verb: str
    resource: str

    def __str__(self) -> str:
        return f"{self.role} {self.verb} {self.resource}"

    @property
    def refusal(self) -> str:
        """What the API server says to who has it not."""
        resource, _, sub = self.resource.partition("/")
        return f'cannot {self.verb} resource "{resource}{f"/{sub}" if sub else ""}"'


def role(name: str) -> Object:
    """A role as the manifests have it."""
    (found,) = [
        each
        for each in rendered("embedded")
        if each["kind"] in _KINDS and each["metadata"]["name"] == name
    ]
    return found


def rights(name: str) -> Iterator[Right]:
    """All that a role gives."""
    for rule in role(name)["rules"]:
        for resource in rule["resources"]:
            for verb in rule["verbs"]:
                yield Right(name, verb, resource)


def without(right: Right) -> list[Object]:
    """The rules of a right's role without it."""
    rules = copy.deepcopy(role(right.role)["rules"])
    left = []
    for rule in rules:
        others = [each for each in rule["resources"] if each != right.resource]
        if len(others) < len(rule["resources"]):
            fewer = [each for each in rule["verbs"] if each != right.verb]
            left.append({**rule, "resources": [right.resource], "verbs": fewer})
        left.append({**rule, "resources": others})
    return [each for each in left if each["resources"] and each["verbs"]]


def bind(
    api: Api, user: str, rules: Sequence[Mapping[str, object]], namespace: str, name: str
) -> None:
    """Let a user do what these rules say, in a namespace, or in all for an empty one."""
    api.apply(CLUSTER_ROLE, "", CLUSTER_ROLE.object({"name": name}, rules=list(rules)))
    kind = BINDINGS[bool(namespace)]
    made = kind.object(
        {"name": name},
        roleRef={"apiGroup": GROUP, "kind": "ClusterRole", "name": name},
        subjects=[{"apiGroup": GROUP, "kind": "User", "name": user}],
    )
    api.apply(kind, namespace, made)

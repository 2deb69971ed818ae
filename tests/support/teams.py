"""A team of a test's own in an installation, with all that one that is there has before its first
endpoint."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from typing import Any, cast

from cluster import connect, settings, team
from cluster.api import Api, Missing
from cluster.kinds import NAMESPACE, POD, RESOURCE_QUOTA, SECRET, Kind, Object
from cluster.names import object_name
from cluster.teams import runs
from components.platform import Platform
from components.registry.client import Registry
from tests.support.present import present
from tests.support.waiting import wait_until

_RBAC = "rbac.authorization.k8s.io/v1"
_BINDING = Kind(_RBAC, "RoleBinding", "rolebindings")
_EVERYWHERE = Kind(_RBAC, "ClusterRoleBinding", "clusterrolebindings")
_KINDS = (
    Kind("v1", "ServiceAccount", "serviceaccounts"),
    Kind("v1", "LimitRange", "limitranges"),
    RESOURCE_QUOTA,
    Kind(_RBAC, "Role", "roles"),
    _BINDING,
    Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
)
_TEMPLATE = Kind("argoproj.io/v1alpha1", "WorkflowTemplate", "workflowtemplates")
_PODS_END_S, _GONE_S = 240.0, 60.0
"""In which the pods of a namespace end, of which one that is asked serves on for 180 s, for another
one that may come; and then the namespace, with all else that is in it."""


@contextmanager
def like(api: Api, known: str, name: str) -> Iterator[str]:
    """A team called ``name`` like the team ``known``, while the block runs; its name."""
    names = {known: name, runs(known): runs(name)}
    proxies = settings.read(api).gateway.proxies
    bound = ((_BINDING, proxies, "sluice-proxies"), (_EVERYWHERE, "", "sluice-routes"))
    try:
        for of, to in names.items():
            found = present(api.get(NAMESPACE, "", of))
            api.create(NAMESPACE, "", _copy(found, names) | {"spec": {}})
            for kind in (*_KINDS, *([_TEMPLATE] if of == runs(known) else [])):
                for each in api.list(kind, of):
                    api.apply(kind, to, _copy({**each, **_head(kind)}, names))
            for secret in ("sluice-store", "sluice-store-reader"):
                if copied := api.get(SECRET, of, secret):
                    api.create(SECRET, to, _copy(copied, names))
        for kind, place, what in bound:
            binding = present(api.get(kind, place, f"{what}-{known}"))
            binding["metadata"]["name"] = object_name(f"{what}-{name}")
            api.create(kind, place, _copy(binding, names))
        team.install(api, name)
        yield name
    finally:
        for kind, place, what in bound:
            api.delete(kind, place, object_name(f"{what}-{name}"))
        gone(api, list(names.values()))


@contextmanager
def platform_of(api: Api, team: str) -> Iterator[Platform]:
    """A team's platform, as the team has it."""
    connected = connect.platform(api, team, settings.read(api))
    with closing(cast(Registry, connected.registry)):
        yield connected


def gone(api: Api, namespaces: Sequence[str]) -> None:
    """Delete namespaces that may be gone already, and wait until they are."""
    for each in namespaces:
        api.delete(NAMESPACE, "", each)
    for each in namespaces:
        try:
            wait_until(partial(_is_empty, api, each), _PODS_END_S, f"the end of the pods of {each}")
            looked_at(api, each)
            wait_until(partial(_is_gone, api, each), _GONE_S, f"the end of {each}")
        except AssertionError as error:
            error.add_note("\n".join(_stays(api, each)))
            raise


def looked_at(api: Api, namespace: str) -> None:
    """Have Kubernetes look at a namespace that is to go.

    By itself it looks again after half of its pods' grace, or when the namespace changes, and
    touches nothing else before it has seen that no pod is left.
    """
    changed = {"metadata": {"annotations": {"example.com/looked": uuid.uuid4().hex}}}
    with suppress(Missing):
        api.merge(NAMESPACE, "", namespace, changed)


def _is_empty(api: Api, namespace: str) -> bool:
    return api.list(POD, namespace) == []


def _is_gone(api: Api, namespace: str) -> bool:
    return api.get(NAMESPACE, "", namespace) is None


def _stays(api: Api, namespace: str) -> list[str]:
    """Why a namespace does not go, as the API server says it."""
    found = api.get(NAMESPACE, "", namespace) or {}
    conditions = found.get("status", {}).get("conditions", [])
    return [f"{each['type']}: {each['message']}" for each in conditions if each["status"] == "True"]


def _head(kind: Kind) -> Object:
    """What an object of a list does not say of itself."""
    return {"apiVersion": kind.version, "kind": kind.name}


def _copy(found: Object, names: dict[str, str]) -> Object:
    """An object as somebody would make it who calls these so."""
    metadata = {
        key: found["metadata"][key] for key in ("name", "labels") if key in found["metadata"]
    }
    left_out = ("metadata", "status", "secrets")
    content = {key: value for key, value in found.items() if key not in left_out}
    copied: Object = _renamed({**content, "metadata": metadata}, names)
    return copied


def _renamed(found: Any, names: dict[str, str]) -> Any:
    if isinstance(found, dict):
        return {key: _renamed(value, names) for key, value in found.items()}
    if isinstance(found, list):
        return [_renamed(each, names) for each in found]
    return names.get(found, found) if isinstance(found, str) else found

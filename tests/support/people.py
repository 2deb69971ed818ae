"""People who have an account of their own, with the roles that the installation has for them."""

import base64
import ssl
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from cluster.api import Api
from cluster.kinds import Kind
from tests.support.releases import sluice

GROUP = "rbac.authorization.k8s.io"
BINDING = Kind(f"{GROUP}/v1", "RoleBinding", "rolebindings")
ACCOUNT = Kind("v1", "ServiceAccount", "serviceaccounts")


@dataclass(frozen=True)
class Person:
    """Somebody with an account."""

    name: str
    """As the API server has it."""
    kubeconfig: Path

    def says(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run `sluice` as they would."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("KUBECONFIG", str(self.kubeconfig))
            return sluice(*arguments)


@contextmanager
def person(
    api: Api, team: str, name: str, roles: Mapping[str, Sequence[str]], folder: Path
) -> Iterator[Person]:
    """Somebody, while the block runs.

    Args:
        api: the API server, asked as its administrator.
        team: the namespace of the account.
        name: of the account.
        roles: by namespace; ``sluice:...`` is a ClusterRole, another name is that of a Role.
        folder: where the kubeconfig is written.
    """
    made = []
    api.create(ACCOUNT, team, ACCOUNT.object({"name": name}))
    try:
        for namespace, named in roles.items():
            for number, role in enumerate(named):
                kind = "ClusterRole" if ":" in role else "Role"
                binding = BINDING.object(
                    {"name": f"{name}-{number}"},
                    roleRef={"apiGroup": GROUP, "kind": kind, "name": role},
                    subjects=[{"kind": "ServiceAccount", "name": name, "namespace": team}],
                )
                api.create(BINDING, namespace, binding)
                made.append((namespace, f"{name}-{number}"))
        yield Person(f"system:serviceaccount:{team}:{name}", _kubeconfig(api, team, name, folder))
    finally:
        for namespace, binding_name in made:
            api.delete(BINDING, namespace, binding_name)
        api.delete(ACCOUNT, team, name)


def _kubeconfig(api: Api, team: str, name: str, folder: Path) -> Path:
    """Of the same API server, with a token of the account."""
    tokens = Kind("v1", "TokenRequest", f"serviceaccounts/{name}/token")
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = api.create(tokens, team, asked)["status"]["token"]
    path = folder / f"{name}.kubeconfig"
    kubeconfig(api, team, {"token": token}, path)
    return path


def kubeconfig(api: Api, namespace: str, user: Mapping[str, str], path: Path) -> None:
    """Write a kubeconfig of the same API server for somebody else.

    Args:
        api: the API server.
        namespace: the one in use.
        user: how they show who they are, as a kubeconfig has it.
        path: where to.
    """
    known = api.access.trust.get_ca_certs(binary_form=True)
    authority = "".join(map(ssl.DER_cert_to_PEM_cert, known))
    cluster = {
        "server": api.access.server,
        "certificate-authority-data": base64.b64encode(authority.encode()).decode(),
        "tls-server-name": api.access.server_name,
        "proxy-url": api.access.proxy,
    }
    context = {"cluster": "there", "user": "somebody", "namespace": namespace}
    content = {
        "clusters": [{"name": "there", "cluster": cluster}],
        "users": [{"name": "somebody", "user": dict(user)}],
        "contexts": [{"name": "there", "context": context}],
        "current-context": "there",
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(content))

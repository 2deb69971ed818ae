"""People who have an account of their own, with the roles that the installation has for them."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml

from cluster.api import Api
from cluster.kinds import Kind

GROUP = "rbac.authorization.k8s.io"
BINDING = Kind(f"{GROUP}/v1", "RoleBinding", "rolebindings")
ACCOUNT = Kind("v1", "ServiceAccount", "serviceaccounts")


@contextmanager
def person(
    api: Api, team: str, name: str, roles: Mapping[str, Sequence[str]], folder: Path
) -> Iterator[tuple[str, Path]]:
    """Somebody, while the block runs: as whom the API server knows them, and their kubeconfig.

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
        yield f"system:serviceaccount:{team}:{name}", _kubeconfig(api, team, name, folder)
    finally:
        for namespace, binding_name in made:
            api.delete(BINDING, namespace, binding_name)
        api.delete(ACCOUNT, team, name)


def _kubeconfig(api: Api, team: str, name: str, folder: Path) -> Path:
    """That of ``$KUBECONFIG``, with a token of the account."""
    tokens = Kind("v1", "TokenRequest", f"serviceaccounts/{name}/token")
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = api.create(tokens, team, asked)["status"]["token"]
    content = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())
    content["users"] = [
        {"name": each["name"], "user": {"token": token}} for each in content["users"]
    ]
    path = folder / f"{name}.kubeconfig"
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(content))
    return path

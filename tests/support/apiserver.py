"""A real API server on loopback, with its store and nothing else: no node, no controller."""

import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import yaml

from cluster.access import find_access
from cluster.api import Api
from cluster.embedded import build, pki
from cluster.embedded.families import ETCD, KUBERNETES
from cluster.embedded.home import cache
from cluster.kinds import Kind
from components.platform import wait_for
from tests.support.predictors import free_port

NAMESPACE = Kind("v1", "Namespace", "namespaces")
DEFINITION = Kind(
    "apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions"
)
_HOLDERS = (
    pki.Holder("accounts", "accounts"),
    pki.Holder("apiserver", "kube-apiserver", hosts=("127.0.0.1", "localhost")),
    pki.Holder("admin", "tests", ("system:masters",)),
)


@contextmanager
def api_server(folder: Path) -> Iterator[Path]:
    """The kubeconfig of a server that keeps its files in ``folder``."""
    server, client, peer = (free_port() for _ in range(3))
    kubeconfig = _pki(folder, server)
    store = f"http://127.0.0.1:{client}"
    etcd = (
        *(str(build.build(ETCD, cache()) / "etcd"), "--unsafe-no-fsync", "--log-level=error"),
        *(f"--data-dir={folder / 'etcd'}", f"--listen-peer-urls=http://127.0.0.1:{peer}"),
        *(f"--listen-client-urls={store}", f"--advertise-client-urls={store}"),
    )
    kubernetes = (
        *(str(build.build(KUBERNETES, cache()) / "kubernetes"), "kube-apiserver"),
        *("--bind-address=127.0.0.1", f"--secure-port={server}", f"--etcd-servers={store}"),
        *("--authorization-mode=RBAC", f"--client-ca-file={folder / 'ca.crt'}"),
        f"--tls-cert-file={folder / 'apiserver.crt'}",
        f"--tls-private-key-file={folder / 'apiserver.key'}",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={folder / 'accounts.crt'}",
        f"--service-account-signing-key-file={folder / 'accounts.key'}",
    )
    with (folder / "log").open("wb") as log:
        running = [subprocess.Popen(each, stdout=log, stderr=log) for each in (etcd, kubernetes)]
        try:
            _wait_ready(kubeconfig, folder / "log")
            yield kubeconfig
        finally:
            for process in running:
                process.kill()
                process.wait()


def _pki(folder: Path, port: int) -> Path:
    ca = pki.authority()
    files = {"ca.crt": ca.pem}
    for holder in _HOLDERS:
        files[f"{holder.name}.crt"], files[f"{holder.name}.key"] = ca.issue(holder)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    path = folder / "kubeconfig"
    path.write_text(pki.outside(folder, port))
    return path


def _wait_ready(kubeconfig: Path, log: Path) -> None:
    access = find_access({"KUBECONFIG": str(kubeconfig)})

    def ready() -> bool:
        try:
            return httpx.get(f"{access.server}/readyz", verify=access.trust).status_code == 200
        except httpx.HTTPError:
            return False

    wait_for(ready, 90, 0.2, lambda: log.read_text()[-3000:])


def define(api: Api, definitions: Iterable[Path]) -> None:
    """Make the server know kinds of objects, from files of their definitions."""
    named = []
    for path in definitions:
        for each in yaml.safe_load_all(path.read_text()):
            if each and each["kind"] == DEFINITION.name:
                each.pop("status", None)
                named.append(api.apply(DEFINITION, "", each)["metadata"]["name"])
    for name in named:
        late = f"{name} is not established"
        wait_for(partial(_established, api, name), 30, 0.1, partial(str, late))


def _established(api: Api, name: str) -> bool:
    found = api.get(DEFINITION, "", name) or {}
    conditions = found.get("status", {}).get("conditions", [])
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)

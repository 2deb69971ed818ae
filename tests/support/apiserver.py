"""A real API server on loopback, with its store and nothing else: no node, no controller."""

import hashlib
import json
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache, partial
from pathlib import Path

import httpx
import yaml

from cluster.access import find_access
from cluster.api import Api
from cluster.embedded import build, pki
from cluster.embedded.families import (
    ARGO_EVENTS,
    ARGO_WORKFLOWS,
    ENVOY_GATEWAY,
    ETCD,
    KEDA,
    KEDA_HTTP_ADD_ON,
    KSERVE,
    KUBERNETES,
)
from cluster.embedded.home import cache as built_for
from cluster.kinds import Kind, Object
from components.disk import replace
from components.platform import wait_for
from tests.support.predictors import free_port

ACCOUNT = Kind("v1", "ServiceAccount", "serviceaccounts")
NAMESPACE = Kind("v1", "Namespace", "namespaces")
DEFINITION = Kind(
    "apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions"
)
_NEEDED = {
    f"{kind}.gateway.networking.k8s.io"
    for kind in ("httproutes", "gateways", "gatewayclasses", "referencegrants")
}
_ENVOY = (
    *("securitypolicies", "backendtrafficpolicies", "httproutefilters"),
    *("envoyproxies", "envoypatchpolicies", "clienttrafficpolicies"),
)
_WORKFLOWS = ("workflows", "workflowtemplates", "cronworkflows")
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
        *(str(build.build(ETCD, built_for()) / "etcd"), "--unsafe-no-fsync", "--log-level=error"),
        *(f"--data-dir={folder / 'etcd'}", f"--listen-peer-urls=http://127.0.0.1:{peer}"),
        *(f"--listen-client-urls={store}", f"--advertise-client-urls={store}"),
    )
    kubernetes = (
        *(str(build.build(KUBERNETES, built_for()) / "kubernetes"), "kube-apiserver"),
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


def define(kubeconfig: Path) -> None:
    """Make the server know our own kind, and those of all that we use."""
    access = find_access({"KUBECONFIG": str(kubeconfig)})
    with httpx.Client(base_url=access.server, verify=access.trust, timeout=120) as client:
        for each in (*_definitions(), _own()):
            client.post(DEFINITION.path(""), json=each).raise_for_status()
    with closing(Api(access)) as api:
        for each in (*_definitions(), _own()):
            name = each["metadata"]["name"]
            late = partial(str, f"{name} is not established")
            wait_for(partial(_established, api, name), 60, 0.2, late)


def _own() -> Object:
    """Our own kind."""
    text = (Path(__file__).parents[2] / "manifests" / "base" / "decisions.yaml").read_text()
    found = (each for each in yaml.safe_load_all(text) if each["kind"] == DEFINITION.name)
    own: Object = next(found)
    return own


@cache
def _definitions() -> list[Object]:
    """Out of the modules' own files, whose YAML takes seconds to read: so it is done once."""
    charts = build.upstream(ENVOY_GATEWAY) / "charts/gateway-helm/charts/crds/crds"
    kserve = build.upstream(KSERVE) / "config/crd"
    workflows = build.upstream(ARGO_WORKFLOWS) / "manifests/base/crds/full"
    events = build.upstream(ARGO_EVENTS) / "manifests/base/crds"
    files = [
        charts / "gatewayapi-crds.yaml",
        *(charts / f"generated/gateway.envoyproxy.io_{name}.yaml" for name in _ENVOY),
        kserve / "full/serving.kserve.io_inferenceservices.yaml",
        kserve / "full/clusterstoragecontainer/serving.kserve.io_clusterstoragecontainers.yaml",
        *(workflows / f"argoproj.io_{name}.yaml" for name in _WORKFLOWS),
        *sorted(events.glob("argoproj.io_*.yaml")),
        build.upstream(KEDA) / "config/crd/bases/keda.sh_scaledobjects.yaml",
        build.upstream(KEDA_HTTP_ADD_ON) / "config/crd/bases/http.keda.sh_interceptorroutes.yaml",
    ]
    families = (ENVOY_GATEWAY, KSERVE, ARGO_WORKFLOWS, ARGO_EVENTS, KEDA, KEDA_HTTP_ADD_ON)
    told = repr([[each.key for each in families], [each.name for each in files], sorted(_NEEDED)])
    digest = hashlib.sha256(told.encode()).hexdigest()[:16]
    kept = built_for() / f"definitions-{digest}.json"
    if not kept.exists():
        read = [yaml.load(path.read_text(), yaml.CSafeLoader) for path in files[1:]]
        several = yaml.load_all(files[0].read_text(), yaml.CSafeLoader)
        read += [each for each in several if each and each["metadata"]["name"] in _NEEDED]
        replace(kept, json.dumps([each | {"status": None} for each in read]))
    found: list[Object] = json.loads(kept.read_text())
    return found


def _established(api: Api, name: str) -> bool:
    found = api.get(DEFINITION, "", name) or {}
    conditions = (found.get("status") or {}).get("conditions") or []
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)

"""Which programs are built from which folder of Go modules."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

MODULES = Path(__file__).parent / "modules"


@dataclass(frozen=True)
class Family:
    """Programs that are built together from the module in ``modules/<name>``."""

    name: str
    upstream: str
    """The module whose programs these are; its folder has manifests, too. Empty: all is ours."""
    programs: dict[str, str]
    """The package of each program."""
    flags: tuple[str, ...] = ()
    """Of ``go build``, beside those that every family has."""

    @property
    def folder(self) -> Path:
        """Where go.mod, go.sum and our own sources are."""
        return MODULES / self.name

    @property
    def added(self) -> Path:
        """Files that upstream's module lacks, by their path in it; often no such folder."""
        return self.folder / "added"

    @property
    def key(self) -> str:
        """Changes with every file of the folder: what is built has it in its name."""
        return key_of(self.folder, self.flags)


def key_of(folder: Path, flags: tuple[str, ...] = ()) -> str:
    """A digest of the paths and contents of a folder's files, and of the flags."""
    digest = hashlib.sha256(" ".join(flags).encode())
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


LINK = "-s -w"
"""Without tables for debuggers."""

KUBERNETES_VERSION = "v1.36.3"
_VERSION = "k8s.io/component-base/version"
KUBERNETES = Family(
    "kubernetes",
    "k8s.io/kubernetes",
    {"kubernetes": "."},
    # Upstream's release sets these; clients ask the API server for them.
    (
        "-ldflags",
        f"{LINK} -X {_VERSION}.gitVersion={KUBERNETES_VERSION}"
        f" -X {_VERSION}.gitMajor=1 -X {_VERSION}.gitMinor=36",
    ),
)
ETCD = Family("etcd", "go.etcd.io/etcd/server/v3", {"etcd": "."})
PAUSE = Family("pause", "", {"pause": "."})
COREDNS = Family("coredns", "github.com/coredns/coredns", {"coredns": "github.com/coredns/coredns"})
ENVOY_GATEWAY = Family(
    "envoy-gateway",
    "github.com/envoyproxy/gateway",
    {"envoy-gateway": "github.com/envoyproxy/gateway/cmd/envoy-gateway", "chart": "."},
)
PROMETHEUS = Family(
    "prometheus",
    "github.com/prometheus/prometheus",
    {"prometheus": "github.com/prometheus/prometheus/cmd/prometheus"},
    ("-tags", "remove_all_sd,enable_kubernetes_sd"),  # of all that finds targets, the one in use
)
KSERVE = Family(
    "kserve", "github.com/kserve/kserve", {"manager": "github.com/kserve/kserve/cmd/manager"}
)
ARGO_WORKFLOWS = Family(
    "argo-workflows",
    "github.com/argoproj/argo-workflows/v4",
    {
        "workflow-controller": "github.com/argoproj/argo-workflows/v4/cmd/workflow-controller",
        "argoexec": "github.com/argoproj/argo-workflows/v4/cmd/argoexec",
    },
)
ARGO_EVENTS = Family(
    "argo-events",
    "github.com/argoproj/argo-events",
    {
        "argo-events": "github.com/argoproj/argo-events/cmd",
        "nats-server": "github.com/nats-io/nats-server/v2",
    },
)
KEDA = Family(
    "keda",
    "github.com/kedacore/keda/v2",
    {
        "keda": "github.com/kedacore/keda/v2/cmd/operator",
        "keda-adapter": "github.com/kedacore/keda/v2/cmd/adapter",
    },
)
KEDA_HTTP_ADD_ON = Family(
    "keda-http-add-on",
    "github.com/kedacore/http-add-on",
    {
        "interceptor": "github.com/kedacore/http-add-on/interceptor",
        "operator": "github.com/kedacore/http-add-on/operator",
        "scaler": "github.com/kedacore/http-add-on/scaler",
    },
)

FAMILIES = (
    KUBERNETES,
    ETCD,
    PAUSE,
    COREDNS,
    ENVOY_GATEWAY,
    PROMETHEUS,
    KSERVE,
    ARGO_WORKFLOWS,
    ARGO_EVENTS,
    KEDA,
    KEDA_HTTP_ADD_ON,
)
"""Those that a cluster is made of."""

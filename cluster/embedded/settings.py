"""The configuration files of what runs on the node: pure rendering, then one writer."""

import json
from pathlib import Path
from typing import Any

from cluster.embedded import network
from cluster.embedded.home import INSIDE, Home
from components.disk import replace

CNI_PROGRAMS = "/usr/lib/cni"
"""Where Debian's package containernetworking-plugins has them."""

RESOLVER = "/run/resolv.conf"
"""What pods with the node's own DNS get; see `cluster.embedded.inner`."""

CONTAINERD_SOCKET = "/run/containerd/containerd.sock"


def containerd(pause: str) -> str:
    """Containerd without AppArmor and systemd, and without a right to lower OOM scores.

    Args:
        pause: the image of what holds a pod's namespaces.
    """
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    return f"""version = 2
root = "{INSIDE}/containerd"
state = "/run/containerd"
[grpc]
  address = "{CONTAINERD_SOCKET}"
[{cri}]
  sandbox_image = "{pause}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  enable_unprivileged_ports = true
  [{cri}.containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [{cri}.containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [{cri}.containerd.runtimes.runc.options]
        SystemdCgroup = false
  [{cri}.cni]
    bin_dir = "{CNI_PROGRAMS}"
    conf_dir = "{INSIDE}/settings/cni"
"""


def cni() -> dict[str, Any]:
    """Pods on one bridge; what they send elsewhere goes nowhere."""
    return {
        "cniVersion": "0.4.0",
        "name": "sluice",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "cni0",
                "isGateway": True,
                "ipMasq": False,
                "hairpinMode": True,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": network.PODS}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                    "dataDir": "/run/cni-ipam",
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True},
        ],
    }


def kubelet() -> dict[str, Any]:
    """The kubelet on control groups of version 1, whose images cannot be pulled again."""
    pki = INSIDE / "pki"
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": False,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": "/",
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "clusterDNS": [network.DNS],
        "clusterDomain": network.DOMAIN,
        "resolvConf": RESOLVER,
        "oomScoreAdj": 0,
        "maxOpenFiles": 20000,
        "tlsCertFile": str(pki / "kubelet.crt"),
        "tlsPrivateKeyFile": str(pki / "kubelet.key"),
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "imagefs.available": "1%",
            "nodefs.inodesFree": "1%",
        },
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "syncFrequency": "10s",
    }


def proxy() -> dict[str, Any]:
    """Services by nftables; the machine's own limits of connections stay as they are."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clusterCIDR": network.PODS,
        "clientConnection": {"kubeconfig": str(INSIDE / "pki" / "proxy.conf")},
        "hostnameOverride": network.NODE_NAME,
        "bindAddress": network.NODE_ADDRESS,
        "oomScoreAdj": 0,
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
    }


def write(home: Home, supervisor: str, pause: str) -> None:
    """Write every file, the supervisor's included."""
    import yaml

    (home.settings / "cni").mkdir(mode=0o700, exist_ok=True)
    files: dict[str | Path, str] = {
        "containerd.toml": containerd(pause),
        "cni/10-sluice.conflist": json.dumps(cni(), indent=1),
        "kubelet.yaml": yaml.safe_dump(kubelet()),
        "proxy.yaml": yaml.safe_dump(proxy()),
        "supervisord.conf": supervisor,
    }
    for name, text in files.items():
        replace(home.settings / name, text)

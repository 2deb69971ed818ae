"""What runs on the node beside pods: each program's command line, under one supervisor."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from cluster.embedded import network
from cluster.embedded.home import INSIDE

SUPERVISOR_SOCKET = "/run/supervisor.sock"

_PKI = INSIDE / "pki"
_SETTINGS = INSIDE / "settings"
_ETCD = "http://127.0.0.1:2379"


@dataclass(frozen=True)
class Program:
    """One supervised process."""

    name: str
    command: tuple[str, ...]


def programs(kubernetes: Path, etcd: Path) -> list[Program]:
    """Every program of the node; each tries again until what it needs is there.

    Args:
        kubernetes: the program that is every component.
        etcd: the API server's store.
    """
    own = str(kubernetes)
    return [
        Program("containerd", ("containerd", "--config", f"{_SETTINGS}/containerd.toml")),
        Program("etcd", (str(etcd), *_etcd())),
        Program("kube-apiserver", (own, "kube-apiserver", *_apiserver())),
        Program(
            "kube-controller-manager",
            (own, "kube-controller-manager", *_controller_manager()),
        ),
        Program("kube-scheduler", (own, "kube-scheduler", *_scheduler())),
        Program("kubelet", (own, "kubelet", *_kubelet())),
        Program("kube-proxy", (own, "kube-proxy", "--config", f"{_SETTINGS}/proxy.yaml")),
    ]


def _etcd() -> tuple[str, ...]:
    return (
        *("--data-dir", "/run/etcd"),  # in memory: what ends with the node need not be on a disk
        "--unsafe-no-fsync",
        *("--listen-client-urls", _ETCD),
        *("--advertise-client-urls", _ETCD),
        *("--listen-peer-urls", "http://127.0.0.1:2380"),
    )


def _apiserver() -> tuple[str, ...]:
    return (
        *("--advertise-address", network.NODE_ADDRESS),
        *("--bind-address", network.NODE_ADDRESS),
        *("--secure-port", str(network.API_PORT)),
        *("--etcd-servers", _ETCD),
        *("--service-cluster-ip-range", network.SERVICES),
        *("--client-ca-file", f"{_PKI}/ca.crt"),
        *("--tls-cert-file", f"{_PKI}/apiserver.crt"),
        *("--tls-private-key-file", f"{_PKI}/apiserver.key"),
        *("--service-account-issuer", f"https://kubernetes.default.svc.{network.DOMAIN}"),
        *("--service-account-key-file", f"{_PKI}/service-accounts.pub"),
        *("--service-account-signing-key-file", f"{_PKI}/service-accounts.key"),
        *("--authorization-mode", "Node,RBAC"),
        *("--enable-admission-plugins", "NodeRestriction"),
        "--allow-privileged",
        *("--kubelet-client-certificate", f"{_PKI}/apiserver-kubelet.crt"),
        *("--kubelet-client-key", f"{_PKI}/apiserver-kubelet.key"),
        *("--kubelet-certificate-authority", f"{_PKI}/ca.crt"),
        *("--kubelet-preferred-address-types", "InternalIP"),
        *("--requestheader-client-ca-file", f"{_PKI}/ca.crt"),
        *("--requestheader-allowed-names", "front-proxy"),
        *("--requestheader-username-headers", "X-Remote-User"),
        *("--requestheader-group-headers", "X-Remote-Group"),
        *("--requestheader-extra-headers-prefix", "X-Remote-Extra-"),
        *("--proxy-client-cert-file", f"{_PKI}/front-proxy.crt"),
        *("--proxy-client-key-file", f"{_PKI}/front-proxy.key"),
        "--enable-aggregator-routing",
    )


def _controller_manager() -> tuple[str, ...]:
    return (
        *("--kubeconfig", f"{_PKI}/controller-manager.conf"),
        *("--authentication-kubeconfig", f"{_PKI}/controller-manager.conf"),
        *("--authorization-kubeconfig", f"{_PKI}/controller-manager.conf"),
        *("--service-account-private-key-file", f"{_PKI}/service-accounts.key"),
        *("--root-ca-file", f"{_PKI}/ca.crt"),
        "--use-service-account-credentials",
        "--leader-elect=false",
        "--allocate-node-cidrs=false",
        *("--controllers", "*,-nodeipam"),
        *("--cluster-signing-cert-file", f"{_PKI}/ca.crt"),
        *("--cluster-signing-key-file", f"{_PKI}/ca.key"),
    )


def _scheduler() -> tuple[str, ...]:
    return (
        *("--kubeconfig", f"{_PKI}/scheduler.conf"),
        *("--authentication-kubeconfig", f"{_PKI}/scheduler.conf"),
        *("--authorization-kubeconfig", f"{_PKI}/scheduler.conf"),
        "--leader-elect=false",
    )


def _kubelet() -> tuple[str, ...]:
    return (
        *("--kubeconfig", f"{_PKI}/kubelet.conf"),
        *("--config", f"{_SETTINGS}/kubelet.yaml"),
        *("--root-dir", f"{INSIDE}/kubelet"),
        *("--node-ip", network.NODE_ADDRESS),
        *("--hostname-override", network.NODE_NAME),
    )


def supervisor(listed: list[Program]) -> str:
    """The configuration of supervisord as the node's process 1."""
    return _SUPERVISOR + "".join(map(_section, listed))


_SUPERVISOR = f"""[supervisord]
nodaemon=true
silent=true
user=root
logfile={INSIDE}/logs/supervisord.log
logfile_maxbytes=10MB
logfile_backups=1
pidfile=/run/supervisord.pid
minfds=20000

[unix_http_server]
file={SUPERVISOR_SOCKET}
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""


def _section(program: Program) -> str:
    command = shlex.join(program.command).replace("%", "%%")
    return f"""
[program:{program.name}]
command={command}
environment=PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
autorestart=true
startsecs=1
startretries=1000
stopasgroup=true
redirect_stderr=true
stdout_logfile={INSIDE}/logs/{program.name}.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=1
"""

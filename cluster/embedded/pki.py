"""One certificate authority, and who may say what to whom with a certificate of it."""

import base64
import datetime
import ipaddress
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster import passwords
from cluster.embedded import network
from components.disk import replace

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

LASTS = datetime.timedelta(days=365)
"""A node that runs longer must be started again: certificates are made anew at each start."""


@dataclass(frozen=True)
class Holder:
    """Who gets a certificate, for both ends of a connection."""

    name: str
    """Of its files: ``<name>.crt``, ``<name>.key``."""
    user: str
    """Who Kubernetes takes it for."""
    groups: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    """Names and addresses that it may serve as."""


HOLDERS = (
    Holder(
        "apiserver",
        "kube-apiserver",
        hosts=(
            network.KUBERNETES,
            network.NODE_ADDRESS,
            "127.0.0.1",
            "localhost",
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            f"kubernetes.default.svc.{network.DOMAIN}",
        ),
    ),
    Holder("apiserver-kubelet", "kube-apiserver-kubelet", ("system:masters",)),
    Holder("admin", "sluice-admin", ("system:masters",)),
    Holder(
        "kubelet",
        f"system:node:{network.NODE_NAME}",
        ("system:nodes",),
        (network.NODE_ADDRESS, network.NODE_NAME),
    ),
    Holder("controller-manager", "system:kube-controller-manager"),
    Holder("scheduler", "system:kube-scheduler"),
    Holder("proxy", "system:kube-proxy"),
    Holder("front-proxy", "front-proxy"),
    Holder(
        "kserve-webhook",
        "kserve-webhook",
        hosts=("kserve-webhook-server-service.kserve.svc",),
    ),
    Holder("nats", "nats", hosts=("nats.argo-events.svc",)),
)

CLIENTS = ("kubelet", "controller-manager", "scheduler", "proxy")
"""Whose kubeconfig lies beside their certificates."""


@dataclass(frozen=True)
class Authority:
    """The one that every component trusts; its key stays on this machine."""

    key: "EllipticCurvePrivateKey"
    certificate: "x509.Certificate"

    def issue(self, holder: Holder) -> tuple[bytes, bytes]:
        """The certificate and the key of ``holder``, both PEM."""
        from cryptography import x509
        from cryptography.x509.oid import ExtendedKeyUsageOID

        key = _key()
        usage = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
        builder = _builder(holder.user, holder.groups, self.certificate.subject, key).add_extension(
            x509.ExtendedKeyUsage(usage), critical=False
        )
        if holder.hosts:
            names = x509.SubjectAlternativeName(list(map(_host, holder.hosts)))
            builder = builder.add_extension(names, critical=False)
        return _pem(_signed(builder, self.key)), _key_pem(key)

    @property
    def pem(self) -> bytes:
        """Its certificate."""
        return _pem(self.certificate)


def authority() -> Authority:
    """A new one."""
    from cryptography import x509

    key = _key()
    builder = _builder("sluice-cluster", (), None, key).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    return Authority(key, _signed(builder, key))


def write(folder: Path, inside: Path) -> None:
    """Make a new authority, certificates, passwords and the components' kubeconfigs in ``folder``.

    Args:
        folder: of mode 0700.
        inside: what the node's processes call the same folder.
    """
    ca = authority()
    _write(folder / "ca.crt", ca.pem)
    _write(folder / "ca.key", _key_pem(ca.key))
    for holder in HOLDERS:
        certificate, key = ca.issue(holder)
        _write(folder / f"{holder.name}.crt", certificate)
        _write(folder / f"{holder.name}.key", key)
    for name in CLIENTS:
        files = {
            "client-certificate": str(inside / f"{name}.crt"),
            "client-key": str(inside / f"{name}.key"),
        }
        authority_file = {"certificate-authority": str(inside / "ca.crt")}
        replace(folder / f"{name}.conf", kubeconfig(network.API, authority_file, files))
    _write(folder / "service-accounts.key", _key_pem(service_accounts := _key()))
    _write(folder / "service-accounts.pub", _public_pem(service_accounts))
    for name in passwords.NAMES:
        replace(folder / f"{name}.password", secrets.token_urlsafe(32))


def outside(folder: Path, port: int) -> str:
    """The administrator's kubeconfig for this machine's loopback; it names no other file."""

    def data(name: str) -> str:
        return base64.b64encode((folder / name).read_bytes()).decode()

    return kubeconfig(
        f"https://127.0.0.1:{port}",
        {"certificate-authority-data": data("ca.crt")},
        {
            "client-certificate-data": data("admin.crt"),
            "client-key-data": data("admin.key"),
        },
    )


def kubeconfig(server: str, trust: dict[str, str], user: dict[str, str]) -> str:
    """A kubeconfig of one cluster and one user."""
    import yaml

    content: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "sluice", "cluster": {"server": server} | trust}],
        "users": [{"name": "sluice", "user": user}],
        "contexts": [{"name": "sluice", "context": {"cluster": "sluice", "user": "sluice"}}],
        "current-context": "sluice",
    }
    text: str = yaml.safe_dump(content, sort_keys=False)
    return text


def _key() -> "EllipticCurvePrivateKey":
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def _builder(
    user: str,
    groups: Sequence[str],
    issuer: "x509.Name | None",
    key: "EllipticCurvePrivateKey",
) -> "x509.CertificateBuilder":
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    subject = x509.Name(
        [
            *(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups),
            x509.NameAttribute(NameOID.COMMON_NAME, user),
        ]
    )
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + LASTS)
    )


def _signed(
    builder: "x509.CertificateBuilder", key: "EllipticCurvePrivateKey"
) -> "x509.Certificate":
    from cryptography.hazmat.primitives import hashes

    return builder.sign(key, hashes.SHA256())


def _host(host: str) -> "x509.GeneralName":
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: "x509.Certificate") -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)


def _key_pem(key: "EllipticCurvePrivateKey") -> bytes:
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    # Kubernetes reads service accounts' keys in this form only.
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def _public_pem(key: "EllipticCurvePrivateKey") -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _write(path: Path, content: bytes) -> None:
    replace(path, content.decode())

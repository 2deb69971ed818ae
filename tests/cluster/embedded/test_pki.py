import base64
import ssl
import stat
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from cluster.embedded import network, pki
from cluster.embedded.home import INSIDE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("pki")
    pki.write(made, INSIDE / "pki")
    return made


def shaken(folder: Path, server: str, client: str, host: str) -> str:
    """The user that the server sees after a handshake with both certificates verified."""
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(folder / "ca.crt"))
    theirs.verify_mode = ssl.CERT_REQUIRED
    theirs.load_cert_chain(folder / f"{server}.crt", folder / f"{server}.key")
    ours = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    ours.load_cert_chain(folder / f"{client}.crt", folder / f"{client}.key")
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        ours.wrap_bio(down, up, server_hostname=host),
        theirs.wrap_bio(up, down, server_side=True),
    ]
    while ends:
        for end in list(ends):
            try:
                end.do_handshake()
                ends.remove(end)
            except ssl.SSLWantReadError:
                continue
            seen = end
    peer = seen.getpeercert(binary_form=True) if seen.server_side else None
    if peer is None:
        return ""
    (name,) = x509.load_der_x509_certificate(peer).subject.get_attributes_for_oid(
        x509.NameOID.COMMON_NAME
    )
    return str(name.value)


@pytest.mark.parametrize(
    ("server", "client", "host"),
    [
        ("apiserver", "admin", "127.0.0.1"),
        ("apiserver", "kubelet", network.NODE_ADDRESS),
        ("apiserver", "scheduler", "kubernetes.default.svc"),
        ("kubelet", "apiserver-kubelet", network.NODE_ADDRESS),
    ],
)
def test_both_ends_trust_each_other(folder: Path, server: str, client: str, host: str) -> None:
    shaken(folder, server, client, host)


def test_nobody_serves_under_anothers_name(folder: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        shaken(folder, "kubelet", "admin", "127.0.0.1")


def test_keys_are_closed_to_other_users(folder: Path) -> None:
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_the_components_kubeconfigs_name_files_of_the_node(folder: Path) -> None:
    for name in pki.CLIENTS:
        config = yaml.safe_load((folder / f"{name}.conf").read_text())
        (user,) = config["users"]
        (cluster,) = config["clusters"]
        named = [*user["user"].values(), cluster["cluster"]["certificate-authority"]]
        assert all((folder / Path(path).relative_to("/run/sluice/pki")).exists() for path in named)
        assert cluster["cluster"]["server"] == network.API


def test_the_administrators_kubeconfig_needs_no_other_file(folder: Path) -> None:
    config = yaml.safe_load(pki.outside(folder, 4242))
    (cluster,) = config["clusters"]
    assert cluster["cluster"]["server"] == "https://127.0.0.1:4242"
    (user,) = config["users"]
    key = base64.b64decode(user["user"]["client-key-data"])
    assert key == (folder / "admin.key").read_bytes()

"""What closes the object store's own ports: only S3 requests with a key get in.

Master, volume server and filer speak HTTP and gRPC among themselves. The HTTP of master and filer
is switched off, the volume server asks for a signed token, and gRPC for a certificate that nobody
but the store has.
"""

import datetime
import ipaddress
import secrets

from components.disk import replace
from local.home import Home

OPTIONS = ("disableHttp", "filer.disableHttp")
"""Flags of `weed server`."""
_SIGNED = ("jwt.signing", "jwt.signing.read", "jwt.filer_signing", "jwt.filer_signing.read")
_CALLED = ("master", "volume", "filer", "s3", "client")


def write(home: Home) -> None:
    """Make keys and certificate, once, and the file `security.toml` that names them."""
    certificate, key = home.private / "s3-certificate.pem", home.private / "s3-key.pem"
    if not (home.private / "security.toml").exists():
        made, its_key = _self_signed()
        replace(certificate, made)
        replace(key, its_key)
        sections = [(each, f'key = "{secrets.token_urlsafe(32)}"') for each in _SIGNED]
        sections.append(("grpc", f'ca = "{certificate}"'))
        sections += [(f"grpc.{each}", f'cert = "{certificate}"\nkey = "{key}"') for each in _CALLED]
        text = "".join(f"[{name}]\n{content}\n" for name, content in sections)
        replace(home.private / "security.toml", text)


def _self_signed() -> tuple[str, str]:
    """A certificate that is its own authority, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sluice")])
    # A clock that is set must not close the store to itself.
    begin = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin.replace(year=2200))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(pem).decode(), private.decode()

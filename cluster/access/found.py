"""The API server in use: of a kubeconfig's context, or of the pod that this is."""

import base64
import os
import ssl
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from cluster.access.credentials import Bearer, Program, TokenFile
from components.errors import InputError

POD = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where the kubelet puts a pod's token, authority and namespace."""
CONTEXT = "SLUICE_CONTEXT"
"""The variable that names a kubeconfig's context, instead of its current one."""
_IMPERSONATES = ("as", "as-uid", "as-groups", "as-user-extra")
_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


@dataclass(frozen=True)
class Access:
    """An API server, and who asks it."""

    server: str
    namespace: str
    trust: ssl.SSLContext
    """Whose certificates hold, and the certificate that is shown, if any."""
    auth: httpx.Auth | None = None
    server_name: str = ""
    """What the server's certificate must be for, if not for its address."""
    proxy: str = ""
    inside: bool = False
    """This is a pod: every service of the cluster answers by its name."""


def find_access(env: Mapping[str, str] = os.environ, pod: Path = POD) -> Access:
    """The API server that kubectl would ask, as the same user.

    Raises:
        InputError: there is none, or the kubeconfig is wrong.
    """
    named = [Path(each) for each in env.get("KUBECONFIG", "").split(os.pathsep) if each]
    files = named or [Path(env.get("HOME", "~")).expanduser() / ".kube" / "config"]
    found = [file for file in files if file.exists()]
    if found:
        return _of_context(_merged(found), env.get(CONTEXT, ""))
    if named:
        raise InputError(f"KUBECONFIG: {named[0]} does not exist")
    if env.get("KUBERNETES_SERVICE_HOST") and (pod / "token").exists():
        return _of_pod(env, pod)
    raise InputError("no cluster is known: set KUBECONFIG to a kubeconfig file")


def _of_pod(env: Mapping[str, str], pod: Path) -> Access:
    host, port = env["KUBERNETES_SERVICE_HOST"], env.get("KUBERNETES_SERVICE_PORT", "443")
    return Access(
        f"https://{f'[{host}]' if ':' in host else host}:{port}",
        (pod / "namespace").read_text(encoding="utf-8").strip(),
        ssl.create_default_context(cafile=str(pod / "ca.crt")),
        TokenFile(pod / "token"),
        inside=True,
    )


@dataclass(frozen=True)
class _Entry:
    """What a kubeconfig says of one cluster, user or context."""

    content: Mapping[str, Any]
    folder: Path
    """Other files are named relative to it."""

    def text(self, key: str) -> str:
        return str(self.content.get(key) or "")

    def bytes(self, key: str) -> bytes:
        """The content that stands under ``<key>-data``, or in the file that ``key`` names."""
        if data := self.text(f"{key}-data"):
            return base64.b64decode(data)
        return self.file(key).read_bytes() if self.text(key) else b""

    def file(self, key: str) -> Path:
        return self.folder / Path(self.text(key)).expanduser()


@dataclass(frozen=True)
class _Merged:
    """Kubeconfig files as one: of two entries of one name the first holds."""

    current: str
    entries: Mapping[str, Mapping[str, _Entry]]

    def entry(self, kind: str, name: str) -> _Entry:
        try:
            return self.entries[kind][name]
        except KeyError:
            known = ", ".join(sorted(self.entries[kind])) or "none"
            raise InputError(f"kubeconfig: {kind} has no {name!r}: it has {known}") from None


def _merged(files: Sequence[Path]) -> _Merged:
    import yaml

    current = ""
    entries: dict[str, dict[str, _Entry]] = {"clusters": {}, "users": {}, "contexts": {}}
    for file in files:
        try:
            content = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
            current = current or str(content.get("current-context") or "")
            for kind, known in entries.items():
                for each in content.get(kind) or []:
                    entry = _Entry(each.get(kind[:-1]) or {}, file.parent)
                    known.setdefault(str(each["name"]), entry)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
            raise InputError(f"{file}: not a kubeconfig: {error}") from error
    return _Merged(current, entries)


def _of_context(files: _Merged, name: str) -> Access:
    if not (name or files.current):
        raise InputError("kubeconfig: no current context: 'kubectl config use-context' sets one")
    context = files.entry("contexts", name or files.current)
    cluster = files.entry("clusters", context.text("cluster"))
    nobody = _Entry({}, cluster.folder)
    user = files.entry("users", context.text("user")) if context.text("user") else nobody
    try:
        trust = _trust(cluster, user)
    except (OSError, ValueError, ssl.SSLError) as error:
        raise InputError(f"kubeconfig: a certificate cannot be read: {error}") from error
    return Access(
        cluster.text("server").rstrip("/"),
        context.text("namespace") or "default",
        trust,
        _auth(user, cluster),
        cluster.text("tls-server-name"),
        cluster.text("proxy-url"),
    )


def _trust(cluster: _Entry, user: _Entry) -> ssl.SSLContext:
    authority = cluster.bytes("certificate-authority")
    made = ssl.create_default_context(cadata=authority.decode() if authority else None)
    if cluster.content.get("insecure-skip-tls-verify"):
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    certificate, key = user.bytes("client-certificate"), user.bytes("client-key")
    if certificate:
        with _on_disk(certificate + b"\n" + key) as path:
            made.load_cert_chain(path)
    return made


@contextmanager
def _on_disk(content: bytes) -> Iterator[Path]:
    """A file for the one library function that takes no bytes, closed to others."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "chain.pem")
        path.touch(mode=0o600)
        path.write_bytes(content)
        yield path


def _auth(user: _Entry, cluster: _Entry) -> httpx.Auth | None:
    for key in _IMPERSONATES:
        if user.content.get(key):
            raise InputError(
                f"kubeconfig: the user asks as another ({key!r}), which Sluice does not: name a"
                " context whose user has the rights that are meant"
            )
    if token := user.text("token"):
        return Bearer(token)
    if user.text("tokenFile"):
        return TokenFile(user.file("tokenFile"))
    if user.text("username"):
        return httpx.BasicAuth(user.text("username"), user.text("password"))
    if user.content.get("exec"):
        return _program(user.content["exec"], cluster)
    if user.content.get("auth-provider"):
        raise InputError(
            "kubeconfig: 'auth-provider' is gone from Kubernetes: write the user as 'exec'"
        )
    return None


def _program(said: Mapping[str, Any], cluster: _Entry) -> Program:
    version = str(said.get("apiVersion"))
    if version not in _VERSIONS:
        raise InputError(f"kubeconfig: exec of {version}: use one of {', '.join(_VERSIONS)}")
    command = str(said["command"])
    # A name with a folder in it is relative to the file, as kubectl has it.
    program = str(cluster.folder / command) if "/" in command else command
    told = None
    if said.get("provideClusterInfo"):
        authority = cluster.bytes("certificate-authority")
        told = {
            "server": cluster.text("server"),
            "certificate-authority-data": base64.b64encode(authority).decode(),
        }
    return Program(
        [program, *map(str, said.get("args") or [])],
        version,
        {str(each["name"]): str(each["value"]) for each in said.get("env") or []},
        told,
    )

"""A cluster's services from outside it: through the API server, as ``kubectl port-forward`` does.

What a user of a kubeconfig asks for by a service's name goes to a socket of the own loopback, and
from there to a pod of the service. Whoever may, may: see `pods/portforward` in
``manifests/base/access.yaml``.
"""

import logging
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from cluster.access.found import Access
from cluster.api import Api
from cluster.kinds import POD, SERVICE, Object
from components.errors import PlatformError, SluiceError

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

log = logging.getLogger("sluice.forward")

_PROTOCOL = "v4.channel.k8s.io"
"""Frames whose first byte names a stream: of the one port, 0 is data and 1 an error."""
_DATA, _ERROR = b"\0", 1
_CHUNK = 2**16
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Service:
    """Where an address inside the cluster leads."""

    namespace: str
    name: str
    port: int


def service(url: str) -> Service | None:
    """The service that a URL names as ``name.namespace`` or ``name.namespace.svc``, or None."""
    parts = urlsplit(url)
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    match (parts.hostname or "").split("."):
        case [name, namespace, *rest] if rest in ([], ["svc"], ["svc", "cluster", "local"]):
            return Service(namespace, name, port)
    return None


@dataclass(frozen=True)
class Forwards:
    """The ways to services, each opened once. They end with the process.

    Args:
        api: the API server through which they lead.
    """

    api: Api
    _open: dict[str, str] = field(default_factory=dict, init=False)
    """By URL."""

    def url(self, url: str) -> str:
        """The URL under which this process reaches what ``url`` names inside the cluster.

        A name that is known here, too, stays. Nothing is asked of the cluster yet.
        """
        to = service(url)
        if to is None or self.api.access.inside or _is_known(url):
            return url
        if url not in self._open:
            listener = socket.create_server(("127.0.0.1", 0))
            Thread(target=self._accept, args=(listener, to), daemon=True).start()
            parts = urlsplit(url)
            here = f"127.0.0.1:{listener.getsockname()[1]}"
            self._open[url] = parts._replace(netloc=here).geturl()
        return self._open[url]

    def _accept(self, listener: socket.socket, to: Service) -> None:
        while True:
            connection, _ = listener.accept()
            Thread(target=self._serve, args=(connection, to), daemon=True).start()

    def _serve(self, connection: socket.socket, to: Service) -> None:
        with connection:
            try:
                with _connect(self.api.access, self._path(to)) as far:
                    Thread(target=_send, args=(connection, far), daemon=True).start()
                    _receive(connection, far)
            except (SluiceError, OSError) as error:
                log.warning("no way to %s.%s: %s", to.name, to.namespace, error)

    def _path(self, to: Service) -> str:
        """Of a port of a pod that stands behind the service."""
        found = self.api.get(SERVICE, to.namespace, to.name)
        if found is None:
            raise PlatformError(f"namespace {to.namespace} has no service {to.name}")
        pods = self.api.list(POD, to.namespace, found["spec"]["selector"])
        pod = next(filter(_is_ready, pods), None)
        if pod is None:
            raise PlatformError("none of its pods is ready")
        return f"{POD.path(to.namespace, pod['metadata']['name'])}/portforward?ports=" + str(
            _port(found, pod, to.port)
        )


def _is_known(url: str) -> bool:
    with suppress(OSError):
        return bool(socket.getaddrinfo(urlsplit(url).hostname, None))
    return False


def _is_ready(pod: Object) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any((each["type"], each["status"]) == ("Ready", "True") for each in conditions)


def _port(found: Object, pod: Object, asked: int) -> int:
    """The container's port behind a service's."""
    target = next(
        (each.get("targetPort", asked) for each in found["spec"]["ports"] if each["port"] == asked),
        asked,
    )
    if isinstance(target, int):
        return target
    named = {
        each.get("name"): each["containerPort"]
        for container in pod["spec"]["containers"]
        for each in container.get("ports") or []
    }
    return int(named[target])


def _connect(access: Access, path: str) -> "ClientConnection":
    """A stream to the port that ``path`` names.

    Raises:
        PlatformError: the API server refuses it, or does not answer.
    """
    from websockets.exceptions import WebSocketException
    from websockets.sync.client import connect
    from websockets.typing import Subprotocol

    asked = httpx.Request("GET", f"{access.server}{path}")
    if access.auth is not None:
        next(access.auth.sync_auth_flow(asked))
    shown = {key: value for key, value in asked.headers.items() if key == "authorization"}
    try:
        return connect(
            str(asked.url).replace("https://", "wss://", 1),
            ssl=access.trust,
            server_hostname=access.server_name or None,
            subprotocols=[Subprotocol(_PROTOCOL)],
            additional_headers=shown,
            compression=None,
            max_size=None,
            proxy=access.proxy or None,
        )
    except (WebSocketException, OSError) as error:
        raise PlatformError(f"the API server: {error}") from error


def _send(connection: socket.socket, far: "ClientConnection") -> None:
    """Pass on what comes from here, until it ends."""
    from websockets.exceptions import ConnectionClosed

    with suppress(OSError, ConnectionClosed):
        while chunk := connection.recv(_CHUNK):
            far.send(_DATA + chunk)
    far.close()


def _receive(connection: socket.socket, far: "ClientConnection") -> None:
    """Pass on what comes from there, until it ends.

    Raises:
        PlatformError: the pod refuses the connection.
    """
    begun: set[int] = set()
    for message in far:
        frame = message if isinstance(message, bytes) else message.encode()
        stream, content = frame[0], frame[1:]
        if stream not in begun:
            begun.add(stream)  # the first frame of each repeats the port
        elif stream == _ERROR and content:
            raise PlatformError(content.decode(errors="replace").strip())
        elif content:
            connection.sendall(content)
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)

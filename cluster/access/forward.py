"""A cluster's services from outside it: through the API server, as ``kubectl port-forward`` does.

What a user of a kubeconfig asks for by a service's name goes to a socket of the own loopback, and
from there to a pod of the service. Whoever may, may: see `pods/portforward` in
``manifests/base/access.yaml``.

Both directions of a connection are one thread's: a TLS connection that one thread reads while
another writes loses its place, and hangs (openssl/openssl#20446).
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from cluster.access.found import Access
from cluster.api import Api
from cluster.kinds import POD, SERVICE, Object
from components.direct import ask_directly
from components.errors import PlatformError, SluiceError

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection, connect

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
            ask_directly("127.0.0.1")
            listener = socket.create_server(("127.0.0.1", 0))
            Thread(target=lambda: asyncio.run(self._listen(listener, to)), daemon=True).start()
            parts = urlsplit(url)
            here = f"127.0.0.1:{listener.getsockname()[1]}"
            self._open[url] = parts._replace(netloc=here).geturl()
        return self._open[url]

    async def _listen(self, listener: socket.socket, to: Service) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._serve(reader, writer, to)

        server = await asyncio.start_server(serve, sock=listener)
        await server.serve_forever()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, to: Service
    ) -> None:
        from websockets.exceptions import WebSocketException

        try:
            asked = await _aside(partial(self._asked, to))
            async with connection(self.api.access, asked) as far:
                sends = asyncio.create_task(_send(reader, far))
                await _receive(far, writer)
                sends.cancel()
        except (SluiceError, WebSocketException, OSError) as error:
            log.warning("no way to %s.%s: %s", to.name, to.namespace, error)
        finally:
            writer.close()

    def _asked(self, to: Service) -> httpx.Request:
        """What the API server is asked for, as this account."""
        access = self.api.access
        asked = httpx.Request("GET", f"{access.server}{self._path(to)}")
        return asked if access.auth is None else next(access.auth.sync_auth_flow(asked))

    def _path(self, to: Service) -> str:
        """Of a port of a pod that stands behind the service."""
        found = self.api.get(SERVICE, to.namespace, to.name)
        if found is None:
            raise PlatformError(f"namespace {to.namespace} has no service {to.name}")
        if not (selector := found["spec"].get("selector")):
            raise PlatformError("the service chooses no pods")
        pods = self.api.list(POD, to.namespace, selector)
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
    """The container's port behind a service's.

    Raises:
        PlatformError: the pod has none of that name.
    """
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
    if target not in named:
        raise PlatformError(f"its pods have no port {target!r}")
    return int(named[target])


async def _aside(ask: Callable[[], httpx.Request]) -> httpx.Request:
    """What ``ask`` returns or raises, in a thread that does not keep the process from its end.

    That of `asyncio.to_thread` does: a lookup may take as long as an API server is patient.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[httpx.Request] = loop.create_future()

    def run() -> None:
        try:
            tell: Callable[[], None] = partial(answer.set_result, ask())
        except Exception as error:  # noqa: BLE001  whoever waits raises it
            tell = partial(answer.set_exception, error)
        loop.call_soon_threadsafe(tell)

    Thread(target=run, daemon=True).start()
    return await answer


def connection(access: Access, asked: httpx.Request) -> "connect":
    """A stream to the port of a pod that is asked for."""
    from websockets.asyncio.client import connect
    from websockets.typing import Subprotocol

    scheme, tls = "ws", dict[str, Any]()
    if asked.url.scheme == "https":
        # Behind a proxy no name at all would mean that any will do.
        scheme, name = "wss", access.server_name or asked.url.host
        tls = {"ssl": access.trust, "server_hostname": name}
    return connect(
        str(asked.url.copy_with(scheme=scheme)),
        subprotocols=[Subprotocol(_PROTOCOL)],
        additional_headers={
            key: value for key, value in asked.headers.items() if key == "authorization"
        },
        compression=None,
        max_size=None,
        ping_timeout=None,  # its answer stands behind all that is under way
        proxy=access.proxy or None,
        **tls,
    )


async def _send(reader: asyncio.StreamReader, far: "ClientConnection") -> None:
    """Pass on what comes from here, until it ends."""
    from websockets.exceptions import ConnectionClosed

    with suppress(OSError, ConnectionClosed):
        while chunk := await reader.read(_CHUNK):
            await far.send(_DATA + chunk)
    await far.close()


async def _receive(far: "ClientConnection", writer: asyncio.StreamWriter) -> None:
    """Pass on what comes from there, until it ends.

    Raises:
        PlatformError: the pod refuses the connection.
    """
    begun: set[int] = set()
    async for message in far:
        frame = message if isinstance(message, bytes) else message.encode()
        stream, content = frame[0], frame[1:]
        if stream not in begun:
            begun.add(stream)  # the first frame of each repeats the port
        elif stream == _ERROR and content:
            raise PlatformError(content.decode(errors="replace").strip())
        elif content:
            writer.write(content)
            await writer.drain()

"""A predictor without sockets: its own HTTP protocol and gRPC handlers, fed with bytes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import uvicorn
from uvicorn.server import ServerState

from components.predictor.http.connection import FastHttpProtocol
from components.predictor.http.fast_path import FastPath
from components.predictor.http.middleware import Middleware
from components.predictor.model import Model
from components.predictor.scheduling.engine import Engine
from components.predictor.scheduling.scheduler import Limits, Scheduler
from components.predictor.service import Service

MAX_BODY = 2**20


class _Wire(asyncio.Transport):
    """What the server writes is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def pause_reading(self) -> None:
        """Nothing is read here."""

    def resume_reading(self) -> None:
        """Nothing is read here."""

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """No other protocol is spoken."""


class InProcess:
    """A service named ``m`` in version ``7``; its model may be changed between requests.

    One a process, since KServe's application is one.
    """

    def __init__(self) -> None:
        from components.predictor.kserve import rest, served_model

        self.loop = asyncio.new_event_loop()
        self.service = Service("m", "7")
        self._calls: dict[str, Any] = {}
        """The method handlers of gRPC by the name of the call."""
        self.dataplane, self.extension = served_model.register(self.service)
        self._config = uvicorn.Config(
            Middleware(self.service, rest.create(self.dataplane, self.extension), MAX_BODY),
            proxy_headers=False,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
        )
        self._config.load()
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # of what is no HTTP
        self._state = ServerState()
        self.loop.run_until_complete(self._attach())

    def engine(self, model: Model) -> Engine:
        """What runs ``model``; made in the loop."""

        async def made() -> Engine:
            scheduler = Scheduler(Limits(256, 32768, 8, 2048), 1)
            return Engine(scheduler, model.run, 60.0, self.service.metrics)

        return self.loop.run_until_complete(made())

    async def _attach(self) -> None:
        from components.predictor.kserve import grpc

        registered = _Registered()
        grpc.attach(registered, self.dataplane, self.extension, self.service)
        for name, handler in registered.handlers.items():
            self._calls[name] = handler
            for interceptor in reversed(grpc.interceptors(self.service)):
                self._calls[name] = await interceptor.intercept_service(
                    _found(self._calls[name]), _Details(f"/inference.GRPCInferenceService/{name}")
                )

    def rpc(self, call: str, message: bytes) -> tuple[str, bytes]:
        """The name of the status of a gRPC call, and its answer or what is said."""
        context = _Context()
        try:
            handler = self._calls[call]
            answer = self.loop.run_until_complete(handler.unary_unary(message, context))
        except _Aborted as aborted:
            return aborted.args
        return "OK", handler.response_serializer(answer)

    def http(self, request: bytes) -> bytes:
        """The first whole answer to the bytes of a request; empty when it is cut off instead."""
        return self.loop.run_until_complete(self._http(request))

    async def _http(self, request: bytes) -> bytes:
        protocol = FastHttpProtocol(
            fast_path=FastPath(self.service),
            max_body=MAX_BODY,
            receive_timeout=60.0,
            config=self._config,
            server_state=self._state,
            app_state={},
        )
        wire = _Wire()
        protocol.connection_made(wire)
        try:
            protocol.data_received(request)
            while not wire.closed and not _is_whole(_final(wire.written)):
                await asyncio.sleep(0)
        finally:
            protocol.connection_lost(None)
        return _final(wire.written)


def _final(answer: bytearray) -> bytes:
    """What follows an interim answer, for which a client asks by ``expect``."""
    return bytes(answer).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")


def _is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    if not end:
        return False
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(body) >= int(line.partition(b":")[2])
    return body.endswith(b"0\r\n\r\n")  # chunked


class _Registered:
    """A gRPC server, of which only the handlers are wanted."""

    def __init__(self) -> None:
        self.handlers: dict[str, Any] = {}

    def add_generic_rpc_handlers(self, _: Any) -> None:
        """The same handlers, found by name."""

    def add_registered_method_handlers(self, _: str, handlers: dict[str, Any]) -> None:
        self.handlers = handlers


class _Aborted(Exception):
    """A gRPC call ended with a status that is not OK."""


class _Context:
    """A call's, as far as the servicer asks."""

    def __init__(self) -> None:
        self._code: Any = None
        self._aborted: _Aborted | None = None

    def code(self) -> Any:
        return self._code

    async def abort(self, code: Any, details: str = "", trailing_metadata: Any = ()) -> None:
        if self._aborted is None:  # the first counts
            self._code, self._aborted = code, _Aborted(code.name, details.encode())
        raise self._aborted


class _Details(NamedTuple):
    method: str


def _found(handler: Any) -> Callable[[Any], Awaitable[Any]]:
    async def continuation(_: Any) -> Any:
        return handler

    return continuation

"""A predictor without sockets: its own HTTP protocol and gRPC handlers, fed with bytes."""

import asyncio
import logging
from typing import Any

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

    def engine(self, model: Model) -> Engine:
        """What runs ``model``; made in the loop."""

        async def made() -> Engine:
            scheduler = Scheduler(Limits(256, 32768, 8, 2048), 1)
            return Engine(scheduler, model.run, 60.0, self.service.metrics)

        return self.loop.run_until_complete(made())

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
            while not wire.closed and not _is_whole(wire.written):
                await asyncio.sleep(0)
        finally:
            protocol.connection_lost(None)
        return bytes(wire.written)


def _is_whole(answer: bytearray) -> bool:
    head, end, body = bytes(answer).partition(b"\r\n\r\n")
    if not end:
        return False
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(body) >= int(line.partition(b":")[2])
    return body.endswith(b"0\r\n\r\n")  # chunked

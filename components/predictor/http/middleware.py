"""The ASGI application around KServe's: counts, limits, refuses early, lets clients leave.

It also answers scrapes, which KServe's application would take several times as long for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from components.errors import SluiceError
from components.predictor.exposition import CONTENT_TYPE, render
from components.predictor.http.errors import encode_error, headers_of, status_of
from components.predictor.scheduling.refusals import Cancelled, TooLarge
from components.predictor.service import Service

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class Middleware:
    """Passes everything on to ``app``; inference requests are counted and limited on the way."""

    def __init__(self, service: Service, app: App, max_body: int) -> None:
        self._service = service
        self._app = app
        self._max_body = max_body
        v1, v2 = f"/v1/models/{service.name}", f"/v2/models/{service.name}"
        self._inference = {f"{v1}:predict", f"{v2}/infer"}
        self._readiness = {v1, f"{v2}/ready"}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            path = scope["path"]
            if scope["method"] == "GET" and path == "/metrics":
                await _reply(send, 200, render(self._service.metrics), content_type=CONTENT_TYPE)
                return
            if scope["method"] == "POST" and path in self._inference:
                await self._infer(scope, receive, send)
                return
            if self._service.draining and path in self._readiness:
                name = self._service.name
                error = f"Model with name {name} is not ready: it is draining."
                await _reply(send, 503, encode_error(error), {"connection": "close"})
                return
        await self._app(scope, receive, send)

    async def _infer(self, scope: Message, receive: Receive, send: Send) -> None:
        metrics = self._service.metrics
        began = metrics.began()
        status = 500
        try:
            self._service.check_room()
            body = await self._body(scope, receive)
            status = await self._pass_on(scope, body, receive, send)
        except SluiceError as error:
            status = status_of(error)
            # The body may be unread: what is left of it would be taken for the next request.
            headers = {**headers_of(error), "connection": "close"}
            await _reply(send, status, encode_error(str(error)), headers)
        finally:
            metrics.finished(status, began)

    async def _body(self, scope: Message, receive: Receive) -> bytes:
        too_large = TooLarge(f"the body is larger than {self._max_body} bytes: send fewer rows")
        for name, value in scope["headers"]:
            if name == b"content-length" and int(value) > self._max_body:
                raise too_large
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Cancelled("the client went away")
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > self._max_body:
                raise too_large
            if not message.get("more_body"):
                return b"".join(chunks)

    async def _pass_on(self, scope: Message, body: bytes, receive: Receive, send: Send) -> int:
        """Let KServe's application answer; returns the status that it gave.

        Raises:
            Cancelled: the client closed the connection first.
        """
        status = 500
        first = True

        async def replay() -> Message:
            nonlocal first
            if first:
                first = False
                return {"type": "http.request", "body": body, "more_body": False}
            return await receive()

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if self._service.draining:
                    message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        work = asyncio.ensure_future(self._app(scope, replay, watch))
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise Cancelled("the client went away")
            await work
        finally:
            work.cancel()
            gone.cancel()
        return status


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _reply(
    send: Send,
    status: int,
    body: bytes,
    extra: Mapping[str, str] | None = None,
    content_type: bytes = b"application/json",
) -> None:
    headers = [
        (b"content-type", content_type),
        (b"content-length", b"%d" % len(body)),
        *((name.encode(), value.encode()) for name, value in (extra or {}).items()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

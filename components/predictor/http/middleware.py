"""The ASGI application around KServe's: counts, limits, refuses early, lets clients leave.

It also answers scrapes, which KServe's application would take several times as long for.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import quote

from components.errors import InputError, SluiceError
from components.exposition import CONTENT_TYPE
from components.predictor.exposition import render
from components.predictor.http.body import JSON_LENGTH, Kind, decoded, json_length, kind_of
from components.predictor.http.errors import (
    ONE_FOR_LIFE,
    NotServed,
    Unsupported,
    WrongMethod,
    encode_error,
    headers_of,
    status_of,
)
from components.predictor.scheduling.refusals import Cancelled, NotFound, NotReady, TooLarge
from components.predictor.service import Service

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


_NAMED = re.compile(r"/v[12]/models/(?P<model>[^/:]+)")
_READ = "GET, HEAD"
_OF_THE_BODY = frozenset(
    {
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"transfer-encoding",
        JSON_LENGTH.encode(),
    }
)
"""Headers that no longer hold for a body that was read and decoded."""


class Middleware:
    """Passes everything on to ``app``; inference requests are counted and limited on the way."""

    def __init__(self, service: Service, app: App, max_body: int) -> None:
        self._service = service
        self._app = app
        self._max_body = max_body
        v1, v2 = f"/v1/models/{service.name}", f"/v2/models/{service.name}"
        self._inference = {f"{v1}:predict": False, f"{v2}/infer": True}
        """Whether it is V2's, by path."""
        self._readiness = {v1, f"{v2}/ready", "/v2/health/ready"}
        self._metadata = v2
        self._version = re.compile(rf"{re.escape(v2)}/versions/(?P<version>[^/]+)(?P<rest>/\w+)?")
        others = ("/", "/metrics", "/v1/models", "/v2", "/v2/health/live", "/v2/models")
        self._methods = {
            **dict.fromkeys((*others, *self._readiness, v2), _READ),
            **dict.fromkeys(self._inference, "POST"),
        }

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            scope = self._resolved(scope)
        except SluiceError as error:
            await _reply_error(send, error, close=self._service.draining)
            return
        path = scope["path"]
        if scope["method"] == "GET" and path == "/metrics":
            await _reply(
                send, 200, render(self._service.metrics), content_type=CONTENT_TYPE.encode()
            )
        elif path in self._inference:
            await self._infer(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _resolved(self, scope: Message) -> Message:
        """The request without its version, HEAD as GET (the server leaves the body out).

        Raises:
            SluiceError: there is no such version, the route knows no such method, or the model is
                not ready and the route asks for just that.
        """
        method, path = scope["method"], scope["path"]
        if (named := _NAMED.match(path)) and named["model"] != self._service.name:
            raise NotFound(f"there is no model {named['model']!r} here, only {self._service.name}")
        if found := self._version.fullmatch(path):
            self._service.check_version(found["version"])
            path = self._metadata + (found["rest"] or "")
        allowed = self._methods.get(path)
        if allowed and method not in allowed.split(", "):
            raise WrongMethod(f"{path} takes {allowed}, not {method}", allowed)
        if path.startswith("/v2/repository/"):
            raise NotServed(ONE_FOR_LIFE)
        if path.endswith(":explain"):
            raise NotServed(f"{path}: no explanations are served, only predictions")
        if path in self._readiness or path == self._metadata:
            self._check_readiness(draining=path in self._readiness)
        if method == "HEAD":
            method = "GET"
        return {**scope, "method": method, "path": path, "raw_path": quote(path).encode()}

    def _check_readiness(self, *, draining: bool) -> None:
        """Refuse while the model loads; with ``draining``, once the process is about to end too."""
        if not self._service.ready:
            raise NotReady(f"model {self._service.name} is not ready: it is loading")
        if draining and self._service.draining:
            raise NotReady(f"model {self._service.name} is not ready: it is draining")

    async def _infer(self, scope: Message, receive: Receive, send: Send) -> None:
        metrics = self._service.metrics
        began = metrics.began()
        status = 500
        try:
            self._check_readiness(draining=False)
            self._service.check_room()
            headers = _headers_of(scope)
            body = await self._body(scope, receive)
            kind = kind_of(headers)
            if coding := headers.get("content-encoding"):
                body = decoded(body, coding, self._max_body)
            if not body:
                raise InputError("the body is empty: a JSON object is required")
            scope = self._described(scope, headers, kind, body)
            status = await self._pass_on(scope, body, receive, send)
        except SluiceError as error:
            status = status_of(error)
            # The body may be unread: what is left of it would be taken for the next request.
            await _reply_error(send, error, close=True)
        finally:
            metrics.finished(status, began)

    def _described(
        self, scope: Message, headers: Mapping[str, str], kind: Kind, body: bytes
    ) -> Message:
        """The request as KServe's application is to see it: ``body`` is decoded, and V2's is bytes.

        Given JSON, KServe would read a V2 body itself, and take what is none (NaN) as well.
        """
        kept = [(name, value) for name, value in scope["headers"] if name not in _OF_THE_BODY]
        about = {b"content-length": len(body)}
        if self._inference[scope["path"]]:
            binary = kind is Kind.BINARY
            about[JSON_LENGTH.encode()] = json_length(headers, body) if binary else len(body)
            content_type = b"application/octet-stream"
        elif kind is Kind.BINARY:
            raise Unsupported(
                f"V1 has no binary tensors: send JSON, without the header {JSON_LENGTH}",
                {"accept": "application/json"},
            )
        else:
            event = kind is Kind.EVENT
            content_type = b"application/cloudevents+json" if event else b"application/json"
        numbers = [(name, b"%d" % value) for name, value in about.items()]
        return {**scope, "headers": [*kept, (b"content-type", content_type), *numbers]}

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
                found = [*message.get("headers", ())]
                if not any(name == b"content-type" for name, _ in found):
                    found.append((b"content-type", b"application/octet-stream"))
                if self._service.draining:
                    found.append((b"connection", b"close"))
                message["headers"] = found
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


def _headers_of(scope: Message) -> dict[str, str]:
    """The headers by name; lines of one name are one list, as RFC 9110, section 5.2, has it."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


async def _reply_error(send: Send, error: SluiceError, *, close: bool) -> None:
    headers = {**headers_of(error), **({"connection": "close"} if close else {})}
    await _reply(send, status_of(error), encode_error(str(error)), headers)


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

"""Uvicorn's HTTP protocol with a shortcut: plain requests are answered where they are parsed.

A request for the fast path needs no ASGI scope, no task and no turn of the event loop: it is
submitted by the parser's last callback, and its answer is written by the callback that brings it.
Everything else takes Uvicorn's own way. Slow senders are cut off on both.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from components.predictor.http.errors import encode_error
from components.predictor.http.fast_path import FastPath, LeftToKServe
from components.predictor.scheduling.scheduler import Ticket

_PASSED_ON = frozenset({b"inference-header-content-length", b"content-encoding", b"expect"})
"""Headers that make a request more than plain JSON."""


class _Exchange:
    """A hot request between its last byte and its answer, in the form of Uvicorn's cycles."""

    __slots__ = ("disconnected", "keep_alive", "response_complete", "ticket")

    message_event = asyncio.Event()
    """Uvicorn sets it when the client is gone; nobody waits for it here."""

    def __init__(self, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self.disconnected = False
        self.response_complete = False
        self.ticket: Ticket | None = None


class FastHttpProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(
        self, *, fast_path: FastPath, max_body: int, receive_timeout: float, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._fast_path = fast_path
        self._max_body = max_body
        self._receive_timeout = receive_timeout
        self._receiving = False
        self._receive_timer: asyncio.TimerHandle | None = None
        self._body: list[bytes] | None = None
        """What came of a hot request's body."""

    def data_received(self, data: bytes) -> None:
        """Parse what came; time is limited from a request's first byte to its last."""
        super().data_received(data)
        if self._receiving:
            if self._receive_timer is None:
                self._receive_timer = self.loop.call_later(self._receive_timeout, self._cut_off)
        elif self._receive_timer is not None:
            self._stop_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop what the client was waiting for."""
        self._stop_timer()
        super().connection_lost(exc)
        exchange = self.cycle
        if isinstance(exchange, _Exchange) and exchange.disconnected and exchange.ticket:
            self._fast_path.service.cancel(exchange.ticket)

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP gets the form of every other error."""
        self._end(400, msg)

    def on_message_begin(self) -> None:
        """Parser: a request begins."""
        self._receiving = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Parser: decide which way the request takes."""
        if self._is_hot():
            self._body = []
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Parser: a part of the body came."""
        if self._body is None:
            super().on_body(body)
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """Parser: the request is complete."""
        self._receiving = False
        if self._body is None:
            super().on_message_complete()
            return
        body, self._body = b"".join(self._body), None
        before = self.cycle
        exchange = _Exchange(self.parser.should_keep_alive())
        self.cycle = exchange  # type: ignore[assignment]  # has all that Uvicorn asks of one

        def reply(status: int, answer: bytes, headers: Mapping[str, str]) -> None:
            self._reply(exchange, status, answer, headers)

        try:
            exchange.ticket = self._fast_path.begin(self.url, body, reply)
        except LeftToKServe:
            self.cycle = before
            super().on_headers_complete()
            if body:
                super().on_body(body)
            super().on_message_complete()

    def _is_hot(self) -> bool:
        """A plain JSON POST to an inference route, on a connection that owes no other answer."""
        if (
            not self._fast_path.takes(self.url)
            or self.parser.get_method() != b"POST"
            or self.parser.get_http_version() != "1.1"
            or self.flow.write_paused
            or (self.cycle is not None and not self.cycle.response_complete)
        ):
            return False
        length, plain = -1, False
        for name, value in self.headers:
            if name == b"content-type":
                plain = value == b"application/json"
            elif name == b"content-length":
                length = int(value)
            elif name in _PASSED_ON or name.startswith(b"ce-"):
                return False
        return plain and 0 <= length <= self._max_body

    def _reply(
        self, exchange: _Exchange, status: int, body: bytes, headers: Mapping[str, str]
    ) -> None:
        if exchange.disconnected or self.transport.is_closing():
            return
        keep = exchange.keep_alive and not self._fast_path.service.draining
        parts = [STATUS_LINE[status]]
        for name, value in self.server_state.default_headers:
            parts += (name, b": ", value, b"\r\n")
        for extra, text in headers.items():
            parts.append(f"{extra}: {text}\r\n".encode())
        if not keep:
            parts.append(b"connection: close\r\n")
        parts += (
            b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body),
            body,
        )
        self.transport.write(b"".join(parts))
        exchange.response_complete = True
        if not keep:
            self.transport.close()
        self.on_response_complete()

    def _cut_off(self) -> None:
        """The client took too long to send its request."""
        if self.cycle is None or self.cycle.response_complete:
            self._end(408, f"the request did not arrive within {self._receive_timeout:g} s")
        else:
            self.transport.close()

    def _end(self, status: int, message: str) -> None:
        """Answer an error in place of a request, and close the connection."""
        body = encode_error(message)
        head = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
        self.transport.write(b"".join((STATUS_LINE[status], head % len(body), body)))
        self.transport.close()

    def _stop_timer(self) -> None:
        if self._receive_timer is not None:
            self._receive_timer.cancel()
            self._receive_timer = None

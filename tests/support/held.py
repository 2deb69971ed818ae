"""A client of HTTP/2 that keeps its window shut: it gets an answer's head, and no byte of its body.

Frames are written by hand (RFC 9113), headers as literals without indexing (RFC 7541, 6.2.2).
"""

import socket
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Self

DATA, HEADERS, RST_STREAM, SETTINGS, WINDOW_UPDATE = 0, 1, 3, 4, 8
END_STREAM, ACK, END_HEADERS = 1, 1, 4
_INITIAL_WINDOW_SIZE = 4
_CANCEL = 8


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    head = len(payload).to_bytes(3, "big") + bytes([kind, flags])
    return head + stream.to_bytes(4, "big") + payload


def _text(text: str) -> bytes:
    """A string of at most 126 bytes, not compressed."""
    return bytes([len(text)]) + text.encode()


class Held:
    """One request whose answer waits until `open` is called; `leave` goes without it."""

    def __init__(self, port: int, path: str, headers: Mapping[str, str], body: bytes) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 10)
        settings = _INITIAL_WINDOW_SIZE.to_bytes(2, "big") + bytes(4)
        named = {":method": "POST", ":scheme": "http", ":authority": "x", ":path": path, **headers}
        block = b"".join(b"\x00" + _text(name) + _text(value) for name, value in named.items())
        self._socket.sendall(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
            + _frame(SETTINGS, 0, 0, settings)
            + _frame(HEADERS, END_HEADERS, 1, block)
            + _frame(DATA, END_STREAM, 1, body)
        )
        self._stream = self._socket.makefile("rb")
        self._frames = self._read()
        self._until(HEADERS)

    def _read(self) -> Iterator[tuple[int, int, bytes]]:
        """Kind, flags and payload of each frame of the one stream."""
        while head := self._stream.read(9):
            payload = self._stream.read(int.from_bytes(head[:3], "big"))
            if head[3] == SETTINGS and not head[4] & ACK:
                self._socket.sendall(_frame(SETTINGS, ACK, 0))
            if int.from_bytes(head[5:], "big") == 1:
                yield head[3], head[4], payload

    def _until(self, kind: int) -> tuple[int, bytes]:
        return next((flags, payload) for found, flags, payload in self._frames if found == kind)

    def is_held(self, seconds: float) -> bool:
        """Whether nothing of the body comes for so long."""
        self._socket.settimeout(seconds)
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return True
        finally:
            self._socket.settimeout(10)
        return False

    def open(self, window: int = 1 << 20) -> bytes:
        """Open the window; the answer's body, up to its end."""
        self._socket.sendall(_frame(WINDOW_UPDATE, 0, 1, window.to_bytes(4, "big")))
        body = b""
        for kind, flags, payload in self._frames:
            body += payload if kind == DATA else b""
            if flags & END_STREAM:
                break
        return body

    def leave(self) -> None:
        """Cancel the request."""
        self._socket.sendall(_frame(RST_STREAM, 0, 1, _CANCEL.to_bytes(4, "big")))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()
        self._socket.close()

"""A wire to a server that brings so many bytes of its answers, and then halts."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlparse

_AT_ONCE = 64 * 1024


@dataclass
class Halting:
    """The wire; ``left`` bytes may still come, or any number of them."""

    url: str
    left: int | None
    halted: threading.Event = field(default_factory=threading.Event)
    """Set as soon as there are bytes that are not brought."""


@contextmanager
def halting(url: str, after: int) -> Iterator[Halting]:
    """A wire to the server at ``url``; its own address is asked in place of the server's."""
    there = urlparse(url)
    listener = socket.create_server(("127.0.0.1", 0))
    wire = Halting(f"http://127.0.0.1:{listener.getsockname()[1]}", after)
    open_ones: list[socket.socket] = [listener]

    def forward(source: socket.socket, to: socket.socket, *, answers: bool) -> None:
        with suppress(OSError):
            while content := source.recv(_AT_ONCE):
                if answers and wire.left is not None:
                    if len(content) > wire.left:
                        wire.halted.set()
                        return
                    wire.left -= len(content)
                to.sendall(content)
            to.shutdown(socket.SHUT_WR)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection((there.hostname, there.port))
                open_ones.extend((client, server))
                for pair, answers in (((client, server), False), ((server, client), True)):
                    threading.Thread(
                        target=forward, args=pair, kwargs={"answers": answers}, daemon=True
                    ).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield wire
    finally:
        for each in open_ones:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

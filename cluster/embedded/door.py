"""The API server at a socket of this machine's loopback: ``python -m cluster.embedded.door FD``.

It runs in the node and accepts at a socket that was made outside. It sees no content: TLS goes
through.
"""

import asyncio
import socket
import sys
from contextlib import suppress

from cluster.embedded import network

_CHUNK = 2**16


async def serve(listener: socket.socket, host: str, port: int) -> None:
    """Connect whoever comes to ``listener`` with ``host``, for ever."""

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            there, to_there = await asyncio.open_connection(host, port)
            try:
                await asyncio.gather(_pass_on(reader, to_there), _pass_on(there, writer))
            finally:
                to_there.close()
        writer.close()

    server = await asyncio.start_server(connect, sock=listener)
    await server.serve_forever()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(_CHUNK):
        writer.write(chunk)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


def main() -> None:
    """Answer at the socket whose number is the first argument."""
    listener = socket.socket(fileno=int(sys.argv[1]))
    asyncio.run(serve(listener, network.NODE_ADDRESS, network.API_PORT))


if __name__ == "__main__":
    main()

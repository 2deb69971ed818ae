import asyncio
import socket

from cluster.embedded import door


async def _upper(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write((await reader.read()).upper())
    writer.close()


async def _asked(text: bytes) -> bytes:
    behind = await asyncio.start_server(_upper, "127.0.0.1", 0)
    host, port = behind.sockets[0].getsockname()
    listener = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(door.serve(listener, host, port))
    async with behind:
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        writer.write(text)
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        serving.cancel()
    return answer


def test_the_door_passes_both_ways_until_both_have_ended() -> None:
    text = b"abc" * 100_000
    assert asyncio.run(_asked(text)) == text.upper()


async def _nobody() -> bytes:
    closed = socket.create_server(("127.0.0.1", 0))
    host, port = closed.getsockname()
    closed.close()
    listener = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(door.serve(listener, host, port))
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    answer = await reader.read()
    writer.close()
    serving.cancel()
    return answer


def test_before_the_api_server_listens_a_caller_is_turned_away() -> None:
    assert asyncio.run(_nobody()) == b""

"""Which address is a service's, and how a stream there is opened; that it leads there is tried in
tests/cluster/embedded."""

import asyncio
import os
import re
import socket
import ssl
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from cluster.access.forward import Forwards, Service, connection, service
from cluster.access.found import Access
from cluster.api import Api
from cluster.embedded import pki


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://mlflow.sluice-system:5000", Service("sluice-system", "mlflow", 5000)),
        ("http://mlflow.sluice-system.svc:5000/x", Service("sluice-system", "mlflow", 5000)),
        ("https://a.b.svc.cluster.local", Service("b", "a", 443)),
        ("http://gate.b", Service("b", "gate", 80)),
        ("https://s3.eu-central-1.amazonaws.com", None),
        ("http://127.0.0.1:9090", None),
        ("", None),
    ],
)
def test_a_name_of_the_cluster_is_told_from_any_other(url: str, found: Service | None) -> None:
    assert service(url) == found


@pytest.fixture(scope="module")
def authority() -> pki.Authority:
    return pki.authority()


async def _echo(stream: ServerConnection) -> None:
    async for message in stream:
        await stream.send(message)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await reader.read(2**16):
            writer.write(chunk)
    writer.close()


async def _proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """What a company has before its clusters."""
    asked = (await reader.readuntil(b"\r\n\r\n")).decode()
    found = re.match(r"CONNECT (.*):(\d+) ", asked)
    assert found, asked
    there, to_there = await asyncio.open_connection(*found.groups())
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    await asyncio.gather(_pass_on(reader, to_there), _pass_on(there, writer))


def _answer(authority: pki.Authority, folder: Path, server: str, *, proxied: bool) -> bytes:
    """What comes back of one message from a server whose certificate is for ``localhost``."""
    for name, content in zip(
        ("crt", "key"), authority.issue(pki.Holder("s", "s", hosts=("localhost",))), strict=True
    ):
        (folder / name).write_bytes(content)
    own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    own.load_cert_chain(folder / "crt", folder / "key")
    trust = ssl.create_default_context(cadata=authority.pem.decode())

    async def ask() -> bytes:
        spoken = [Subprotocol("v4.channel.k8s.io")]
        async with (
            serve(_echo, "127.0.0.1", 0, ssl=own, subprotocols=spoken) as behind,
            await asyncio.start_server(_proxy, "127.0.0.1", 0) as before,
        ):
            port, way = (each.sockets[0].getsockname()[1] for each in (behind, before))
            proxy = f"http://127.0.0.1:{way}" if proxied else ""
            access = Access(f"https://{server}:{port}", "team", trust, proxy=proxy)
            async with connection(access, httpx.Request("GET", f"{access.server}/x")) as stream:
                await stream.send(b"\0seen")
                return bytes(await stream.recv(decode=False))

    return asyncio.run(ask())


@pytest.mark.parametrize("proxied", [False, True], ids=["direct", "behind a proxy"])
def test_the_server_s_certificate_must_be_for_its_name(
    authority: pki.Authority, tmp_path: Path, proxied: bool
) -> None:
    assert _answer(authority, tmp_path, "localhost", proxied=proxied) == b"\0seen"
    with pytest.raises(ssl.SSLCertVerificationError):
        _answer(authority, tmp_path, "127.0.0.1", proxied=proxied)


SILENT = """
import ssl, sys, httpx
from cluster.access.forward import Forwards
from cluster.access.found import Access
from cluster.api import Api

access = Access(sys.argv[1], "team", ssl.create_default_context())
here = Forwards(Api(access)).url("http://x.sluice-system:80")
try:
    httpx.get(here, timeout=0.5, trust_env=False)
except httpx.TimeoutException:
    print("gave up")
"""


def test_a_command_that_gave_up_on_a_silent_server_ends() -> None:
    """The server may be silent for as long as each call of it may take."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = f"http://127.0.0.1:{silent.getsockname()[1]}"
        command = [sys.executable, "-c", SILENT, server]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == "gave up\n"


def test_no_proxy_of_the_environment_is_before_a_way_that_is_this_machine_s_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_PROXY", "other.example")
    monkeypatch.setenv("no_proxy", "")
    access = Access("http://127.0.0.1:1", "team", ssl.create_default_context())
    Forwards(Api(access)).url("http://x.sluice-system:80")
    assert os.environ["NO_PROXY"] == "other.example,127.0.0.1"
    assert os.environ["no_proxy"] == "127.0.0.1"

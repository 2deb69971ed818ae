"""One question to a local server."""

import ssl
from pathlib import Path

import httpx

_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Local servers speak plain HTTP; httpx would read every known certificate, 20 ms a client."""


def local_transport(uds: Path | None = None) -> httpx.HTTPTransport:
    """The wire to this machine's servers: no proxy of the environment, an optional unix socket."""
    return httpx.HTTPTransport(uds=str(uds) if uds else None, verify=_NO_CERTIFICATES)


def local_client(timeout: float = 2.0, uds: Path | None = None, base_url: str = "") -> httpx.Client:
    """A client for this machine; see `local_transport`."""
    return httpx.Client(
        transport=local_transport(uds), timeout=timeout, trust_env=False, base_url=base_url
    )


def probe(url: str, uds: Path | None = None) -> str | None:
    """None when ``url`` answers 2xx, else what happened instead."""
    try:
        with local_client(uds=uds) as client:
            status = client.get(url).status_code
    except httpx.HTTPError as error:
        return f"does not answer ({type(error).__name__})"
    return None if 200 <= status < 300 else f"answers {status}"

"""The exporter: releases, leases, versions and prices as series of Prometheus."""

import sys

from local.home import Home
from local.loopback import probe
from local.servers.program import Program, Server


def url(ports: dict[str, int]) -> str:
    """The server's base URL."""
    return f"http://127.0.0.1:{ports['exporter']}"


def server(home: Home, ports: dict[str, int]) -> Server:
    """The exporter on its kept port; it waits for the platform by itself."""
    program = Program(
        "exporter",
        (sys.executable, "-m", "components.exporter", f"--port={ports['exporter']}"),
        environment={"SLUICE_HOME": str(home.path)},
    )
    return Server(program, url(ports), ("exporter",), lambda: probe(f"{url(ports)}/ready"))

"""The exporter's server: ``/metrics`` for Prometheus, ``/ready`` for whoever waits for it."""

import logging
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from components.exporter import Exporter
from components.exposition import CONTENT_TYPE

log = logging.getLogger("sluice.exporter")

SILENT_S = 10.0
"""How long a connection may say nothing."""


class Server(ThreadingHTTPServer):
    """Answers scrapes of one exporter, each on a thread of its own."""

    def __init__(self, exporter: Exporter, host: str, port: int) -> None:
        self.exporter = exporter
        super().__init__((host, port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell the log of what went wrong, unless the client left."""
        if not isinstance(sys.exception(), ConnectionError):
            log.exception("a scrape by %s", client_address)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    timeout = SILENT_S
    disable_nagle_algorithm = True
    """Else the body waits up to 40 ms for the receipt of the headers."""

    def do_GET(self) -> None:
        """Answer one request."""
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._answer(200, self.server.exporter.page(), CONTENT_TYPE)
        elif path == "/ready":
            self._answer(200, b"ready\n")
        else:
            self._answer(404, b"there are /metrics and /ready here\n")

    def _answer(self, status: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *said: Any) -> None:
        """Say nothing of each scrape."""

"""A Gateway's proxy in this process, which shows at once what is written of a route."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cluster import routes
from cluster.kinds import HTTP_ROUTE, POD
from cluster.matches import PROBE_HEADER
from cluster.proxies import owned_by
from cluster.settings import Gateway
from components import gateway
from tests.support.objects import NAMESPACE, Objects
from tests.support.present import present


@dataclass
class Proxy:
    """What it is asked, and knows."""

    to: Gateway
    """Its Gateway."""
    asked: list[str] = field(default_factory=list)
    """The paths that a version was to answer."""
    knows: Callable[[str], bool] = lambda _: True
    """Whether it knows the pods to which a path leads."""
    refuses: Callable[[int], bool] = lambda _: False
    """Whether so many requests were too many."""
    silent: Callable[[int], bool] = lambda _: False
    """Whether so many requests are one that it does not answer."""


@contextmanager
def a_proxy(found: Objects, endpoint: str, of: Gateway) -> Iterator[Proxy]:
    """The one proxy of a Gateway, while the block runs."""

    class Shows(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers[PROBE_HEADER]:
                write = routes.read(present(found.get(HTTP_ROUTE, endpoint))).write
                self._answer(302, "location", f"/writes/{write}")
                return
            proxy.asked.append(self.path)
            if not self.path.startswith(f"/v2/models/{endpoint}/"):
                self._answer(404, gateway.VERSION_HEADER, "")
                return
            if proxy.silent(len(proxy.asked)):
                return
            if proxy.refuses(len(proxy.asked)):
                self._answer(429, gateway.VERSION_HEADER, "")
                return
            known = proxy.knows(self.path)
            self._answer(200 if known else 500, gateway.VERSION_HEADER, "1" if known else "")

        def _answer(self, status: int, name: str, value: str) -> None:
            self.send_response(status)
            self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (http.server's name)
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Shows) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        proxy = Proxy(of.model_copy(update={"port": server.server_port}))
        ready = {"conditions": [{"type": "Ready", "status": "True"}], "podIP": "127.0.0.1"}
        pod = POD.object(
            {"name": "p", "labels": owned_by(of), "namespace": NAMESPACE}, status=ready
        )
        found.keep(POD, of.proxies, pod)
        yield proxy
        server.shutdown()

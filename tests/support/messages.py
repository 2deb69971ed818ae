"""A real Alertmanager, and a real server for its messages."""

import json
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from components.notify import config, parse
from components.notify.routing import Waits
from local.loopback import probe
from local.servers import alertmanager_server
from tests.support.predictors import free_port
from tests.support.waiting import wait_until

AT_ONCE = Waits(first="300ms", more="1s")


class Inbox(ThreadingHTTPServer):
    """What Alertmanager sent, by the path of the receiver's address."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[str, dict[str, Any], Mapping[str, str]]] = []
        """Path, body, headers."""

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.server_port}"

    def messages(self, path: str, status: str = "") -> list[dict[str, Any]]:
        """What came to a path, all of it or what has this status."""
        found = [body for to, body, _ in list(self.got) if to == path]
        return [body for body in found if not status or body["status"] == status]

    def alerts(self, path: str, status: str = "firing") -> list[str]:
        """The names of the alerts that came to a path, each as often as it came."""
        return [
            alert["labels"]["alertname"]
            for body in self.messages(path)
            for alert in body["alerts"]
            if alert["status"] == status
        ]


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        assert isinstance(self.server, Inbox)
        self.server.got.append((self.path, json.loads(body), dict(self.headers)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (http.server's name)
        pass


@contextmanager
def inbox() -> Iterator[Inbox]:
    """A server for messages, while the block runs."""
    with Inbox() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


class Messenger:
    """An Alertmanager of a test's own, that can be killed and started again."""

    def __init__(self, folder: Path, receivers: str) -> None:
        self._folder = folder
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        wanted = parse(receivers, "receivers.yaml")
        (folder / "alertmanager.yaml").write_text(json.dumps(config(wanted, AT_ONCE)))

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        binary = alertmanager_server.binary()
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    str(binary),
                    f"--config.file={self._folder / 'alertmanager.yaml'}",
                    f"--storage.path={self._folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self._port}",
                    "--cluster.listen-address=",
                ],
                cwd=binary.parent,
                stdout=log,
                stderr=log,
            )
        wait_until(lambda: probe(f"{self.url}/-/ready") is None, 30, "Alertmanager")

    def kill(self) -> None:
        """End it without a word; harmless if it does not run."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def fire(self, *alerts: Mapping[str, str], over: bool = False) -> None:
        """Post alerts as Prometheus does: that they fire, or that they are over."""
        now = datetime.now(UTC)
        end = now if over else now + timedelta(minutes=5)
        content = [
            {
                "labels": dict(labels),
                "startsAt": (now - timedelta(minutes=1)).isoformat(),
                "endsAt": end.isoformat(),
            }
            for labels in alerts
        ]
        httpx.post(f"{self.url}/api/v2/alerts", json=content, trust_env=False).raise_for_status()


def now() -> float:
    """Seconds since the epoch, as Alertmanager's own clock says."""
    return time.time()

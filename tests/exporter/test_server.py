"""The exporter's own server, on a port of its own."""

import threading
from collections.abc import Iterator

import httpx
import pytest

from components.exporter import Exporter
from components.exporter.server import Server
from components.platform.memory import World


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    server = Server(Exporter(World().platform), "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    with httpx.Client(base_url=url, trust_env=False) as asking:
        yield asking
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_scrape_gets_the_page_in_prometheus_format(client: httpx.Client) -> None:
    answer = client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "sluice_exporter_source_up" in answer.text
    assert answer.text.endswith("\n")


def test_it_is_ready_without_asking_the_platform(client: httpx.Client) -> None:
    assert client.get("/ready").status_code == 200


def test_there_is_nothing_else(client: httpx.Client) -> None:
    assert client.get("/").status_code == 404
    assert client.post("/metrics").status_code == 501

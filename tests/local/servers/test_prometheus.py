"""What Prometheus is told to scrape."""

from pathlib import Path

import pytest

from local.home import Home
from local.servers import ports, prometheus_server
from local.servers.exporter_server import server

KEPT = dict.fromkeys(ports.NAMES, 1)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_one_that_runs_is_started_again_if_and_only_if_it_has_another_configuration(
    home: Home,
) -> None:
    assert prometheus_server.prepare(home, KEPT)
    assert not prometheus_server.prepare(home, KEPT)
    assert prometheus_server.prepare(home, KEPT | {"exporter": 2})


def test_the_exporter_is_scraped_where_it_listens(home: Home) -> None:
    kept = KEPT | {"exporter": 4711}
    prometheus_server.prepare(home, kept)
    assert '"127.0.0.1:4711"' in (home.path / "prometheus.yaml").read_text()
    assert "--port=4711" in server(home, kept).program.command

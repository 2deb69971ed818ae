"""Grafana with the boards and the platform's Prometheus in it, for whoever has the program."""

import json
import shutil
from pathlib import Path

from components.disk import replace
from components.errors import PlatformError
from local.home import REPOSITORY, Home
from local.loopback import probe
from local.servers import mlflow_server, prometheus_server
from local.servers.program import Program, Server

BOARDS = REPOSITORY / "dashboards" / "json"
SOURCE = "sluice-prometheus"
"""The data source's identity."""
PACKAGED = Path("/usr/share/grafana")
"""Where packages of distributions put what the program needs."""

_NAMES = ("grafana", "grafana-server")
_ENVIRONMENT = {
    # Who reaches 127.0.0.1 may look, nobody may change or log in: there is no password to guess.
    "GF_AUTH_ANONYMOUS_ENABLED": "true",
    "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
    "GF_AUTH_DISABLE_LOGIN_FORM": "true",
    "GF_AUTH_BASIC_ENABLED": "false",
    "GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION": "true",
    # It asks nobody on the network for anything.
    "GF_ANALYTICS_REPORTING_ENABLED": "false",
    "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
    "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
    "GF_NEWS_NEWS_FEED_ENABLED": "false",
    "GF_PLUGINS_PREINSTALL_DISABLED": "true",
    "GF_SERVER_HTTP_ADDR": "127.0.0.1",
    "GF_LOG_MODE": "console",
    "GF_LOG_LEVEL": "warn",
}


def binary() -> Path:
    """The program.

    Raises:
        PlatformError: it is not on PATH.
    """
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        raise PlatformError(
            "Grafana is not on PATH: install it, or look at 'sluice dashboard fleet', which needs"
            " none"
        )
    return Path(found)


def folder(home: Home) -> Path:
    """What it is started with; there if it is to run."""
    return home.path / "grafana"


def wanted(home: Home) -> bool:
    """Whether the platform has one."""
    return folder(home).exists()


def choose(home: Home, *, on: bool) -> None:
    """Let the platform have one from now on, or none.

    Raises:
        PlatformError: it is wanted and not installed.
    """
    if on:
        binary()
        folder(home).mkdir(mode=0o700, parents=True, exist_ok=True)
    else:
        shutil.rmtree(folder(home), ignore_errors=True)


def url(ports: dict[str, int]) -> str:
    """The server's base URL."""
    return f"http://127.0.0.1:{ports['grafana']}"


def prepare(home: Home, ports: dict[str, int]) -> None:
    """Write what it is provisioned with: the data source, the boards, and where they are."""
    provisioning, boards = folder(home) / "provisioning", folder(home) / "boards"
    for each in (provisioning / "datasources", provisioning / "dashboards", boards):
        each.mkdir(mode=0o700, parents=True, exist_ok=True)
    source = {
        "name": "Prometheus",
        "uid": SOURCE,
        "type": "prometheus",
        "access": "proxy",
        "url": prometheus_server.url(ports),
        "isDefault": True,
        "editable": False,
        # Of the shortest scrape: $__rate_interval is at least four of it.
        "jsonData": {"timeInterval": prometheus_server.SCRAPE_INTERVAL, "httpMethod": "POST"},
    }
    provider = {
        "name": "sluice",
        "folder": "Sluice",
        "type": "file",
        "allowUiUpdates": False,
        "options": {"path": str(boards)},
    }
    # JSON is YAML.
    _write(provisioning / "datasources" / "sluice.yaml", {"apiVersion": 1, "datasources": [source]})
    _write(provisioning / "dashboards" / "sluice.yaml", {"apiVersion": 1, "providers": [provider]})
    for path in BOARDS.glob("*.json"):
        board = json.loads(path.read_text(encoding="utf-8"))
        for variable in board["templating"]["list"]:
            if variable["name"] == "mlflow":
                variable["query"] = mlflow_server.url(ports)
        _write(boards / path.name, board)


def _write(path: Path, content: object) -> None:
    replace(path, json.dumps(content, indent=1))


def server(home: Home, ports: dict[str, int]) -> Server:
    """Grafana on its kept port."""
    found = binary()
    beside = found.resolve().parent.parent
    root = beside if (beside / "conf" / "defaults.ini").exists() else PACKAGED
    program = Program(
        "grafana",
        # `grafana-server` is the same program in releases that have no `grafana` yet.
        (str(found), *(("server",) if found.name == "grafana" else ()), f"--homepath={root}"),
        environment={
            **_ENVIRONMENT,
            "GF_SERVER_HTTP_PORT": str(ports["grafana"]),
            "GF_PATHS_DATA": str(home.data / "grafana"),
            "GF_PATHS_LOGS": str(home.logs),
            "GF_PATHS_PLUGINS": str(folder(home) / "plugins"),
            "GF_PATHS_PROVISIONING": str(folder(home) / "provisioning"),
        },
    )
    return Server(program, url(ports), ("grafana",), lambda: probe(f"{url(ports)}/api/health"))

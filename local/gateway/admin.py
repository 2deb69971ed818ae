"""Envoy's own interface: what is in force, and what is on its way."""

import atexit
import re
from functools import cache
from pathlib import Path
from typing import Any, Literal

import httpx

from components.disk import replace
from components.errors import Unreachable
from components.platform import wait_for
from local.gateway import routes
from local.home import Home
from local.loopback import local_client
from local.servers import envoy_server
from local.servers.envoy_bootstrap import ROUTES

_ANSWER_S = 10.0
"""Envoy's main thread answers, after the configuration that it is taking just then."""
_READY_S = 2.0


@cache
def _client(socket: Path) -> httpx.Client:
    # Kept: a traffic step asks four times, and to connect takes longer than to be answered.
    client = local_client(timeout=_ANSWER_S, uds=socket)
    atexit.register(client.close)
    return client


def _ask(home: Home, path: str) -> Any:
    try:
        answer = _client(envoy_server.admin_socket(home)).get(f"http://admin{path}")
        answer.raise_for_status()
        return answer.json()
    except httpx.HTTPError as error:
        raise Unreachable(
            f"the gateway does not answer ({type(error).__name__}): run 'sluice up'"
        ) from error


def answers(home: Home) -> bool:
    """True when Envoy's admin interface answers."""
    try:
        ready = _client(envoy_server.admin_socket(home)).get("http://admin/ready", timeout=_READY_S)
    except httpx.HTTPError:
        return False
    return ready.is_success


def dump_routes(home: Home) -> dict[str, Any]:
    """Envoy's own account of the routes in force.

    Raises:
        Unreachable: Envoy does not answer.
    """
    dumped: dict[str, Any] = _ask(home, "/config_dump?resource=dynamic_route_configs")
    return dumped


def counters(home: Home, pattern: str) -> dict[str, int]:
    """Envoy's counters and gauges whose name matches the regex ``pattern``."""
    stats = _ask(home, f"/stats?format=json&filter={pattern}")["stats"]
    return {stat["name"]: stat["value"] for stat in stats if "value" in stat}


def wait_for_clusters(home: Home, wanted: set[str], timeout: float = 5.0) -> None:
    """Block until Envoy knows the clusters in ``wanted``.

    Raises:
        PlatformError: it does not within ``timeout`` seconds.
    """
    missing = wanted

    def known() -> bool:
        nonlocal missing
        dumped = _ask(home, "/config_dump?resource=dynamic_active_clusters&mask=cluster.name")
        missing = wanted - {config["cluster"]["name"] for config in dumped.get("configs", [])}
        return not missing

    def late() -> str:
        return f"the gateway did not take {', '.join(sorted(missing))}: see logs/gateway.log"

    wait_for(known, timeout, 0.005, late)


def offer_routes(home: Home, rendered: str, timeout: float = 5.0) -> bool:
    """Give Envoy these routes; False if it refuses them: those that it had stay in force.

    Raises:
        PlatformError: it neither takes nor refuses them within ``timeout`` seconds.
    """
    file, version = envoy_server.routes_file(home), routes.version_of(rendered)
    refused_before = _refused(home)
    written = file.read_text(encoding="utf-8") if file.exists() else ""
    if written != rendered or not _carries(home, version):
        replace(file, rendered)

    def decided() -> Literal["taken", "refused"] | None:
        if _carries(home, version):
            return "taken"
        if _refused(home) == refused_before:
            return None
        # What was counted may be of an earlier text that Envoy read late.
        return "taken" if _carries(home, version) else "refused"

    said = "the gateway does not follow its files: run 'sluice up'"
    return wait_for(decided, timeout, 0.005, lambda: said) == "taken"


def _carries(home: Home, version: str) -> bool:
    dumped = _ask(home, "/config_dump?resource=dynamic_route_configs&mask=version_info")
    return any(config.get("version_info") == version for config in dumped.get("configs", []))


def _refused(home: Home) -> int:
    """How many versions of its routes Envoy could not read, or has rejected."""
    names = f"^{re.escape(f'http.gateway.rds.{ROUTES}.update_')}(failure|rejected)$"
    return sum(counters(home, names).values())


def wait_for_routes(home: Home, timeout: float = 5.0) -> None:
    """Block until Envoy carries the routes that were written last.

    Another process may write while this one waits; what it writes holds what stood before.

    Raises:
        PlatformError: it does not within ``timeout`` seconds.
    """

    def carried() -> bool:
        written = envoy_server.routes_file(home).read_text(encoding="utf-8")
        return _carries(home, routes.version_of(written))

    said = "the gateway refused the routes: see logs/gateway.log"
    wait_for(carried, timeout, 0.005, lambda: said)

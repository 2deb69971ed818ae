"""The gateway's discovery files, written from what the platform knows; the one writer of both."""

import re
from dataclasses import asdict
from pathlib import Path

from components.platform import wait_for
from local import credentials
from local.files import file_name, locked, read_json, replace, replace_json
from local.gateway import admin, routes
from local.gateway.routes import Route
from local.home import Home
from local.predictors import Backend, backends
from local.servers import envoy_server


def _file(home: Home, endpoint: str) -> Path:
    return home.traffic / f"{file_name(endpoint)}.json"


def route(home: Home, endpoint: str) -> Route | None:
    """What was last asked for ``endpoint``, or None."""
    content = read_json(_file(home, endpoint))
    return None if content is None else Route(**content)


def set_route(home: Home, wanted: Route) -> None:
    """Remember what ``wanted.endpoint`` shall do; `publish` puts it in force."""
    replace_json(_file(home, wanted.endpoint), asdict(wanted))


def remove_route(home: Home, endpoint: str) -> None:
    """Forget the endpoint's route; harmless when it has none. `publish` takes it out of force."""
    _file(home, endpoint).unlink(missing_ok=True)


def _routes(home: Home) -> list[Route]:
    found = [read_json(path) for path in sorted(home.traffic.glob("*.json"))]
    return [Route(**content) for content in found if content is not None]


def publish(home: Home) -> None:
    """Give Envoy the present predictors, routes and keys; `admin.wait_for_routes` awaits them.

    Clusters whose predictor is gone stay until `prune`, since requests may still be on their way.

    Raises:
        PlatformError: Envoy runs and refuses the clusters.
    """
    with locked(home.path / "gateway.lock"):
        folder = envoy_server.folder(home)
        present = backends(home)
        listed = read_json(folder / "backends.json") or []
        before = {(item["endpoint"], item["version"]): Backend(**item) for item in listed}
        _write_clusters(home, before | {(b.endpoint, b.version): b for b in present})
        # Routes that name a cluster which Envoy does not have yet are refused, for good.
        if admin.answers(home):
            admin.wait_for_clusters(home, {name for b in present for name in routes.clusters(b)})
        rendered = routes.render_routes(
            _routes(home), present, credentials.applied_client_keys(home)
        )
        _replace_changed(envoy_server.routes_file(home), rendered)


def prune(home: Home) -> None:
    """Forget the clusters of predictors that are gone."""
    with locked(home.path / "gateway.lock"):
        _write_clusters(home, {(b.endpoint, b.version): b for b in backends(home)})


def _write_clusters(home: Home, wanted: dict[tuple[str, str], Backend]) -> None:
    folder = envoy_server.folder(home)
    replace_json(folder / "backends.json", [asdict(backend) for backend in wanted.values()])
    _replace_changed(envoy_server.clusters_file(home), routes.render_clusters(wanted.values()))


def _replace_changed(path: Path, text: str) -> None:
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        replace(path, text)


def drain(home: Home, backend: Backend, timeout: float) -> None:
    """Block until the gateway has no request on its way to ``backend``.

    Raises:
        PlatformError: some are still there after ``timeout`` seconds.
    """
    names = "|".join(re.escape(name) for name in routes.clusters(backend))
    active: dict[str, int] = {}

    def at_rest() -> bool:
        nonlocal active
        active = admin.counters(home, rf"^cluster\.({names})\.upstream_rq_active$")
        return not any(active.values())

    def late() -> str:
        return (
            f"{backend.endpoint} version {backend.version} still answers "
            f"{sum(active.values())} requests after {timeout:.0f} s"
        )

    wait_for(at_rest, timeout, 0.02, late)

"""The gateway's discovery files, written from what the platform knows; the one writer of both."""

import re
import time
from dataclasses import asdict
from pathlib import Path

from components.errors import PlatformError
from local import credentials, envoy, routes
from local.files import locked, read_json, replace, replace_json
from local.home import Home
from local.http import probe
from local.routes import Backend, Route


def predictors(home: Home) -> list[tuple[Backend, bool]]:
    """Every predictor, and whether it is leaving (see `local.serving.LocalServing.delete`)."""
    files = sorted(home.serving.glob("*.json"))
    known = [content for path in files if (content := read_json(path)) is not None]
    return [(Backend(**content["backend"]), content.get("leaving", False)) for content in known]


def backends(home: Home) -> list[Backend]:
    """Every predictor that the gateway may send requests to."""
    return [backend for backend, leaving in predictors(home) if not leaving]


def route(home: Home, endpoint: str) -> Route | None:
    """What was last asked for ``endpoint``, or None."""
    content = read_json(home.traffic / f"{endpoint}.json")
    return None if content is None else Route(**content)


def set_route(home: Home, wanted: Route) -> None:
    """Remember what ``wanted.endpoint`` shall do; `publish` puts it in force."""
    replace_json(home.traffic / f"{wanted.endpoint}.json", asdict(wanted))


def _routes(home: Home) -> list[Route]:
    found = [route(home, path.stem) for path in sorted(home.traffic.glob("*.json"))]
    return [each for each in found if each is not None]


def publish(home: Home) -> str:
    """Put the present predictors, routes and keys in force; return the version of the routes.

    Clusters whose predictor is gone stay until `prune`, since requests may still be on their way.

    Raises:
        PlatformError: Envoy runs and refuses the clusters.
    """
    with locked(home.path / "gateway.lock"):
        folder = envoy.folder(home)
        present = backends(home)
        listed = read_json(folder / "backends.json") or []
        before = {(item["endpoint"], item["version"]): Backend(**item) for item in listed}
        _write_clusters(home, before | {(b.endpoint, b.version): b for b in present})
        # Routes that name a cluster which Envoy does not have yet are refused, for good.
        if probe("http://admin/ready", uds=envoy.admin_socket(home)) is None:
            envoy.wait_for_clusters(home, {name for b in present for name in routes.clusters(b)})
        rendered = routes.render_routes(
            _routes(home), present, credentials.applied_client_keys(home)
        )
        _replace_changed(folder / "rds.json", rendered)
        return routes.version_of(rendered)


def prune(home: Home) -> None:
    """Forget the clusters of predictors that are gone."""
    with locked(home.path / "gateway.lock"):
        _write_clusters(home, {(b.endpoint, b.version): b for b in backends(home)})


def _write_clusters(home: Home, wanted: dict[tuple[str, str], Backend]) -> None:
    folder = envoy.folder(home)
    replace_json(folder / "backends.json", [asdict(backend) for backend in wanted.values()])
    _replace_changed(folder / "cds.json", routes.render_clusters(wanted.values()))


def _replace_changed(path: Path, text: str) -> None:
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        replace(path, text)


def drain(home: Home, backend: Backend, timeout: float) -> None:
    """Block until the gateway has no request on its way to ``backend``.

    Raises:
        PlatformError: some are still there after ``timeout`` seconds.
    """
    names = "|".join(re.escape(name) for name in routes.clusters(backend))
    deadline = time.monotonic() + timeout
    while True:
        active = envoy.counters(home, rf"^cluster\.({names})\.upstream_rq_active$")
        if not any(active.values()):
            return
        if time.monotonic() > deadline:
            raise PlatformError(
                f"{backend.endpoint} version {backend.version} still answers "
                f"{sum(active.values())} requests after {timeout:.0f} s"
            )
        time.sleep(0.02)

"""The gateway's discovery files, written from what the platform knows; the one writer of both."""

import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from components.disk import file_name, locked, read_json, replace, replace_json
from components.errors import InputError, PlatformError, Unreachable
from components.platform import refusals, wait_for
from local import credentials
from local.gateway import access, admin, routes
from local.gateway.access import Route
from local.home import Home
from local.predictors import Backend, backends
from local.servers import envoy_server

log = logging.getLogger("sluice.gateway")


def _file(home: Home, endpoint: str) -> Path:
    return home.traffic / f"{file_name(endpoint)}.json"


def route(home: Home, endpoint: str) -> Route | None:
    """What was last asked for ``endpoint``, or None; of a damaged file, what stood before."""
    return _read(home, _file(home, endpoint))


def refuse_mirrored(home: Home, backend: Backend) -> None:
    """Check that nobody asks the predictor copies.

    Raises:
        PlatformError: they are.
    """
    asked = route(home, backend.endpoint)
    refusals.refuse_mirrored(backend.endpoint, backend.version, asked.mirror if asked else None)


def _read(home: Home, path: Path) -> Route | None:
    try:
        content = read_json(path)
        return None if content is None else _route(content, path.stem)
    except (InputError, PlatformError, msgspec.ValidationError) as error:
        good = {file_name(name): each for name, each in _good(home).items()}
        found = good.get(path.stem)
        kept = "what stood before stays in force" if found else "its endpoint has no route"
        log.warning("%s: %s: %s", path, error, kept)
        return found


def _route(content: Any, name: str) -> Route:
    found = msgspec.convert(content, Route)
    if file_name(found.endpoint) != name:
        raise InputError(f"it is of another endpoint, {found.endpoint}")
    access.refuse_impossible(found)
    return found


def set_route(home: Home, wanted: Route) -> None:
    """Remember what ``wanted.endpoint`` shall do; `publish` puts it in force.

    Raises:
        PlatformError: Envoy would refuse it.
    """
    access.refuse_impossible(wanted)
    replace_json(_file(home, wanted.endpoint), asdict(wanted))


def remove_route(home: Home, endpoint: str) -> None:
    """Forget the endpoint's route; harmless when it has none. `publish` takes it out of force."""
    _file(home, endpoint).unlink(missing_ok=True)


def _wanted(home: Home) -> dict[str, Route]:
    """The route of each endpoint."""
    found = [_read(home, path) for path in sorted(home.traffic.glob("*.json"))]
    return {each.endpoint: each for each in found if each is not None}


def _good_file(home: Home) -> Path:
    return envoy_server.folder(home) / "good.json"


def _good(home: Home) -> dict[str, Route]:
    """The routes that Envoy took last, by endpoint."""
    try:
        found = read_json(_good_file(home)) or {}
        return {name: _route(each, file_name(name)) for name, each in found.items()}
    except (InputError, PlatformError, AttributeError, msgspec.ValidationError):
        return {}


def publish(home: Home) -> set[str]:
    """Give Envoy the present predictors, routes and keys.

    A route that Envoy refuses is taken back, whosever it is; the others are put in force.

    Returns:
        The endpoints whose route was refused.

    Raises:
        PlatformError: Envoy runs and refuses the clusters, or does not follow its files.
    """
    with locked(home.path / "gateway.lock"):
        present = backends(home)
        before = {(b.endpoint, b.version): b for b in _listed(home)}
        _write_clusters(home, before | {(b.endpoint, b.version): b for b in present})
        clients = credentials.applied_clients(home)

        def rendered(wanted: Mapping[str, Route]) -> str:
            return routes.render_routes(wanted.values(), present, clients)

        wanted = _wanted(home)
        try:
            _wait_for_clusters(home, present)
            taken = admin.offer_routes(home, rendered(wanted))
        except Unreachable:
            _replace_changed(envoy_server.routes_file(home), rendered(wanted))
            return set()
        refused: set[str] = set()
        if not taken:
            wanted, refused = _offer_apart(home, wanted, rendered)
        _replace_changed(_good_file(home), _as_json(wanted))
        return refused


def _wait_for_clusters(home: Home, present: Iterable[Backend]) -> None:
    """Block until Envoy has the clusters of ``present``: routes that name others are refused.

    Raises:
        PlatformError: it does not take them, or does not answer.
    """
    # An Envoy that starts reads its clusters first: what it has once taken it has.
    taken = _taken_file(home)
    if not taken.exists():
        admin.wait_for_clusters(home, {name for b in present for name in routes.clusters(b)})
        replace(taken, "")


def _taken_file(home: Home) -> Path:
    """There while Envoy is known to have the clusters as they are written."""
    return envoy_server.folder(home) / "clusters.taken"


def _listed(home: Home) -> list[Backend]:
    """The predictors that the clusters were written from; none if that is not known."""
    try:
        listed = read_json(envoy_server.folder(home) / "backends.json") or []
        return msgspec.convert(listed, list[Backend])
    except (InputError, msgspec.ValidationError):
        return []


def _as_json(wanted: Mapping[str, Route]) -> str:
    return json.dumps({name: asdict(each) for name, each in sorted(wanted.items())}, indent=1)


def _offer_apart(
    home: Home, wanted: Mapping[str, Route], rendered: Callable[[Mapping[str, Route]], str]
) -> tuple[dict[str, Route], set[str]]:
    """The routes that Envoy takes, and the endpoints whose new route it refuses.

    Raises:
        PlatformError: it refuses even the routes that it had.
    """
    good = _good(home)
    taken = {name: each for name, each in wanted.items() if good.get(name) == each}
    if not admin.offer_routes(home, rendered(taken)):
        raise PlatformError("the gateway refuses its routes: see logs/gateway.log")
    refused = set()
    for name in sorted(wanted.keys() - taken.keys()):
        tried = taken | {name: wanted[name]}
        if not admin.offer_routes(home, rendered(tried)):
            refused.add(name)
            log.warning("%s: the gateway refuses its route: what stood before is in force", name)
            if name in good:
                set_route(home, good[name])
                tried = taken | {name: good[name]}
            else:
                remove_route(home, name)
                tried = taken
            admin.offer_routes(home, rendered(tried))
        taken = tried
    return taken, refused


def prune(home: Home) -> None:
    """Forget the clusters of predictors that are gone."""
    with locked(home.path / "gateway.lock"):
        _write_clusters(home, {(b.endpoint, b.version): b for b in backends(home)})


def _write_clusters(home: Home, wanted: dict[tuple[str, str], Backend]) -> None:
    folder, file = envoy_server.folder(home), envoy_server.clusters_file(home)
    listed = [asdict(backend) for backend in wanted.values()]
    _replace_changed(folder / "backends.json", json.dumps(listed, indent=1))
    at_once = {name: route.at_once for name, route in _wanted(home).items()}
    rendered = routes.render_clusters(wanted.values(), at_once)
    if _differs(file, rendered):
        _taken_file(home).unlink(missing_ok=True)
        replace(file, rendered)


def _differs(path: Path, text: str) -> bool:
    return not path.exists() or path.read_text(encoding="utf-8") != text


def _replace_changed(path: Path, text: str) -> None:
    if _differs(path, text):
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

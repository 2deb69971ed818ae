"""What Envoy is started with; its routes and clusters come later, from discovery files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components import envoy, gateway

ROUTES = "gateway"
"""The name of the one route configuration."""
_TYPE = "type.googleapis.com/"


def _listener(name: str, port: int, manager: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "per_connection_buffer_limit_bytes": 2 * gateway.MAX_BODY_BYTES,
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": {
                            "@type": _TYPE + "envoy.extensions.filters.network."
                            "http_connection_manager.v3.HttpConnectionManager",
                            "stat_prefix": name,
                            "generate_request_id": False,
                            **manager,
                        },
                    }
                ]
            }
        ],
    }


def _filter(name: str, kind: str, **config: Any) -> dict[str, Any]:
    return {
        "name": f"envoy.filters.http.{name}",
        "typed_config": {"@type": f"{_TYPE}envoy.extensions.filters.http.{kind}", **config},
    }


def _watched(path: Path) -> dict[str, Any]:
    return {
        "resource_api_version": "V3",
        "path_config_source": {
            "path": str(path),
            "watched_directory": {"path": str(path.parent)},
        },
    }


def bootstrap(
    ports: Mapping[str, int], admin_socket: Path, routes: Path, clusters: Path
) -> dict[str, Any]:
    """Envoy's static part.

    Args:
        ports: by the kept ports' names.
        admin_socket: of Envoy's own interface.
        routes: the discovery file of the routes, renamed into place when it changes.
        clusters: that of the clusters, likewise.
    """
    users = _listener(
        "gateway",
        ports["gateway"],
        {
            "rds": {
                "route_config_name": ROUTES,
                "config_source": _watched(routes),
            },
            "request_headers_timeout": "10s",
            # Of a request that no route has taken yet; a route has its own (`routes.IDLE_S`).
            "stream_idle_timeout": "60s",
            # nginx asks its upstreams so, unless it is told otherwise.
            "http_protocol_options": {
                "accept_http_10": True,
                "default_host_for_http_10": "gateway",
            },
            "local_reply_config": envoy.errors(),
            "normalize_path": True,
            "merge_slashes": True,
            "access_log": envoy.counting("%UPSTREAM_CLUSTER%"),
            "http_filters": [
                _filter(
                    "api_key_auth",
                    "api_key_auth.v3.ApiKeyAuth",
                    key_sources=[{"header": gateway.KEY_HEADER}],
                ),
                _filter(
                    "local_ratelimit",
                    "local_ratelimit.v3.LocalRateLimit",
                    stat_prefix="gateway",
                ),
                _filter("rbac", "rbac.v3.RBAC"),
                _filter("buffer", "buffer.v3.Buffer", max_request_bytes=gateway.MAX_BODY_BYTES),
                _filter("router", "router.v3.Router", suppress_envoy_headers=True),
            ],
        },
    )
    stats = _listener(
        "gateway_stats",
        ports["gateway_stats"],
        {
            "route_config": {
                "name": "stats",
                "virtual_hosts": [
                    {
                        "name": "stats",
                        "domains": ["*"],
                        "routes": [
                            {
                                "match": {"path": "/stats/prometheus"},
                                "route": {"cluster": "admin"},
                            }
                        ],
                    }
                ],
            },
            "http_filters": [_filter("router", "router.v3.Router")],
        },
    )
    admin = {"pipe": {"path": str(admin_socket), "mode": 0o600}}
    return {
        "node": {"id": "sluice", "cluster": "sluice"},
        "admin": {"address": admin},
        "static_resources": {
            "listeners": [users, stats],
            "clusters": [
                {
                    "name": "admin",
                    "type": "STATIC",
                    "load_assignment": {
                        "cluster_name": "admin",
                        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": admin}}]}],
                    },
                }
            ],
        },
        "dynamic_resources": {"cds_config": _watched(clusters)},
        "stats_flush_interval": "0.5s",
        "stats_config": envoy.statistics(),
    }

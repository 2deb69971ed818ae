"""What Envoy is started with; its routes and clusters come later, from discovery files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components import envoy, gateway

ROUTES = "gateway"
"""The name of the one route configuration."""
MIRROR, GRPC_MIRROR = "mirror", "mirror_grpc"
"""The clusters to which requests are copied: the gateway itself, which sends and counts them as it
does all others. Envoy's own statistics of a mirror hold whole milliseconds, and take a failed gRPC
call for a success."""
COPY_HEADER = "x-sluice-copy"
"""Of a copy on its way through the gateway: the cluster that it is for."""
_COPIES_AT_ONCE = {
    "max_connections": 128,
    "max_pending_requests": 32,
    "max_requests": 128,
    "max_retries": 0,
}
"""Each may hold a body of `components.gateway.MAX_BODY_BYTES`; what is more is not copied."""
_TYPE = "type.googleapis.com/"


def _port(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _listener(name: str, address: dict[str, Any], manager: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "address": address,
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


def _cluster(name: str, address: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "type": "STATIC",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
        **more,
    }


def http_protocol(*, grpc: bool) -> dict[str, Any]:
    """Of a cluster: how requests are sent, and how long a silent connection is kept."""
    kind = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    protocol: dict[str, Any] = (
        {"http2_protocol_options": {}} if grpc else {"http_protocol_options": {}}
    )
    return {
        "typed_extension_protocol_options": {
            kind: {
                "@type": _TYPE + kind,
                "common_http_protocol_options": {"idle_timeout": gateway.UPSTREAM_IDLE},
                "explicit_http_config": protocol,
            }
        }
    }


def _mirror() -> dict[str, Any]:
    """What sends copies on, and counts them."""
    route = {
        "match": {"prefix": "/"},
        # A copy has the time that its request had: whoever copied it gives it up then.
        "route": {"cluster_header": COPY_HEADER, "timeout": "0s", "idle_timeout": "0s"},
    }
    host = {
        "name": "mirror",
        "domains": ["*"],
        "routes": [route],
        "request_headers_to_remove": [COPY_HEADER],
        "response_headers_to_add": [begun()],
    }
    return {
        "route_config": {"name": "mirror", "virtual_hosts": [host]},
        "stream_idle_timeout": "0s",
        "access_log": envoy.counting("%UPSTREAM_CLUSTER%"),
        "http_filters": [_filter("router", "router.v3.Router", suppress_envoy_headers=True)],
    }


def begun() -> dict[str, Any]:
    """The header that says how long the version took to begin its answer."""
    return {
        "header": {"key": gateway.BEGUN_HEADER, "value": gateway.BEGUN},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }


def bootstrap(
    ports: Mapping[str, int],
    admin_socket: Path,
    mirror_socket: Path,
    routes: Path,
    clusters: Path,
) -> dict[str, Any]:
    """Envoy's static part.

    Args:
        ports: by the kept ports' names.
        admin_socket: of Envoy's own interface.
        mirror_socket: by which it takes copies of requests from itself.
        routes: the discovery file of the routes, renamed into place when it changes.
        clusters: that of the clusters, likewise.
    """
    users = _listener(
        "gateway",
        _port(ports["gateway"]),
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
        _port(ports["gateway_stats"]),
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
    limits = {"thresholds": [_COPIES_AT_ONCE]}
    copies = {"pipe": {"path": str(mirror_socket), "mode": 0o600}}
    admin = {"pipe": {"path": str(admin_socket), "mode": 0o600}}
    return {
        "node": {"id": "sluice", "cluster": "sluice"},
        "admin": {"address": admin},
        "static_resources": {
            "listeners": [users, stats, _listener("mirror", copies, _mirror())],
            "clusters": [
                _cluster("admin", admin),
                _cluster(MIRROR, copies, circuit_breakers=limits, **http_protocol(grpc=False)),
                _cluster(GRPC_MIRROR, copies, circuit_breakers=limits, **http_protocol(grpc=True)),
            ],
        },
        "dynamic_resources": {"cds_config": _watched(clusters)},
        "stats_flush_interval": "0.5s",
        "stats_config": envoy.statistics(),
    }

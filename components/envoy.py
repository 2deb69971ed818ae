"""What makes any Envoy count, and answer, as `components.gateway` says: pure functions."""

from typing import Any

from components import gateway

_TYPE = "type.googleapis.com/"


def _when(expression: str) -> dict[str, Any]:
    """The requests that meet the expression, of CEL."""
    kind = "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter"
    return {
        "extension_filter": {
            "name": "envoy.access_loggers.extension_filters.cel",
            "typed_config": {"@type": _TYPE + kind, "expression": expression},
        }
    }


def _log(expression: str, **stats: Any) -> dict[str, Any]:
    """Statistics of the requests that meet the expression."""
    return {
        "name": "envoy.access_loggers.stats",
        "filter": _when(expression),
        "typed_config": {
            "@type": _TYPE + "envoy.extensions.access_loggers.stats.v3.Config",
            "stats_scope": {"prefix": gateway.STATS_PREFIX},
            **stats,
        },
    }


def errors() -> dict[str, Any]:
    """What Envoy itself refuses has the form of every other error; gRPC's has a message already."""

    def only(status: int) -> dict[str, Any]:
        value = {"default_value": status, "runtime_key": f"sluice.only_{status}"}
        return {"status_code_filter": {"comparison": {"op": "EQ", "value": value}}}

    of_grpc = "request.headers['content-type'].startsWith('application/grpc')"
    no_pin = "response.code == 403 && response.code_details.startsWith('rbac_')"
    limited = "response.code == 429"
    plain = {"text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"}}
    said = {"body": {"inline_string": gateway.NO_PIN}}
    unknown = {"body": {"inline_string": gateway.NO_ENDPOINT}}
    nobody = {"body": {"inline_string": gateway.NO_PREDICTOR}}
    late = "response.code_details == 'response_timeout'"
    unwoken = f"{late} && '{gateway.WAKING_HEADER}' in request.headers"
    asleep = {"status_code": 503, "body": {"inline_string": gateway.ASLEEP}}
    later = {"headers_to_add": [{"header": {"key": "retry-after", "value": "1"}}]}
    wordless = {"json_format": {"error": "the gateway refuses: %RESPONSE_CODE_DETAILS%"}}

    def both(when: str, answer: dict[str, Any]) -> list[dict[str, Any]]:
        of_calls = {"filter": _when(f"{when} && {of_grpc}"), **answer}
        return [of_calls | {"body_format_override": plain}, {"filter": _when(when), **answer}]

    return {
        "mappers": [
            *both(no_pin, said),
            *both(limited, later),
            *both(unwoken, asleep | later),
            {"filter": _when(of_grpc), "body_format_override": plain},
            {"filter": _when("response.code_details == 'route_not_found'"), **unknown},
            {"filter": _when("response.code_details == 'cluster_not_found'"), **nobody},
            *({"filter": only(each), "body_format_override": wordless} for each in (400, 403)),
        ],
        "body_format": {"json_format": {"error": "%LOCAL_REPLY_BODY%"}},
    }


def counting(backend: str) -> list[dict[str, Any]]:
    """Counters and latencies of what users got, by backend, as access logs.

    Envoy's cluster statistics would do but for three things: they hold whole milliseconds, too
    coarse to compare p95s of a few milliseconds, they take a failed gRPC call for a success, and
    they miss what was never answered.

    Args:
        backend: how the access log writes the name of `components.gateway.backend`.
    """
    cluster = {"name": gateway.CLUSTER, "value_format": backend}
    code = {"name": gateway.CODE, "value_format": "%RESPONSE_CODE%"}
    grpc = {"name": gateway.GRPC_STATUS, "value_format": "%GRPC_STATUS_NUMBER%"}
    flags = {"name": gateway.FLAGS, "value_format": "%RESPONSE_FLAGS%"}
    whole = {
        "name": gateway.WHOLE,
        "value_format": f'%CEL({gateway.IS_WHOLE} ? "yes" : "no")%',
    }
    client = {"name": gateway.CLIENT, "value_format": f"%REQ({gateway.CLIENT_HEADER})%"}
    requests = {"name": gateway.REQUESTS, "tags": [cluster, code, grpc, flags, whole, client]}
    latency = {
        "stat": {"name": gateway.LATENCY, "tags": [cluster]},
        "unit": "Microseconds",
        "value_format": gateway.TOOK,
    }
    return [
        _log(gateway.COUNTED, counters=[{"stat": requests, "value_fixed": 1}]),
        _log(gateway.ANSWERED, histograms=[latency]),
    ]


_STATISTICS = (
    rf"{gateway.STATS_PREFIX}\..*",
    r"server\.uptime",
    r"cluster\..*\.upstream_(rq_active|rq_pending_overflow|rq_timeout|rq_retry|cx_active)",
    r"cluster\..*\.upstream_cx_connect_fail",
    r"http\.[^.]+\.(downstream_rq_.xx|downstream_rq_active|rds\..*)",
    r"[^.]+\.http_local_rate_limit\..*",
)
"""What Envoy keeps of its own statistics; all of it is scraped each second."""


def statistics(*more: str) -> dict[str, Any]:
    """What Envoy keeps of its statistics, as a setting of its own: ours, and these patterns."""
    kept = [{"safe_regex": {"regex": pattern}} for pattern in (*_STATISTICS, *more)]
    edges = {"match": {"prefix": f"{gateway.STATS_PREFIX}."}, "buckets": list(gateway.EDGES_US)}
    return {
        "stats_matcher": {"inclusion_list": {"patterns": kept}},
        "histogram_bucket_settings": [edges],
    }

"""Who may ask the gateway for what, and how much: keys, roles and rates as Envoy's filters."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from components import gateway
from components.errors import PlatformError
from components.platform import AT_ONCE, Mirror, RouteLimits
from components.platform.refusals import refuse_impossible_limits
from local.credentials import Client

_TYPE = "type.googleapis.com/"


@dataclass(frozen=True)
class Route:
    """One endpoint's split and limits, and who is asked copies."""

    endpoint: str
    weights: Mapping[str, int]
    requests_per_second: int
    timeout_s: float
    mirror: Mirror | None = None
    at_once: int = AT_ONCE


def refuse_impossible(route: Route) -> None:
    """Check what Envoy would refuse.

    Raises:
        PlatformError: names the limit.
    """
    limits = RouteLimits(route.requests_per_second, route.timeout_s, route.at_once)
    refuse_impossible_limits(route.endpoint, limits)
    if sum(route.weights.values()) != 100 or min(route.weights.values()) < 0:
        raise PlatformError(f"{route.endpoint}: weights {dict(route.weights)} do not sum to 100")


def may_pin(clients: Mapping[str, Client], weights: Mapping[str, int]) -> list[str]:
    """The clients that may name the version that answers, under this split."""
    return sorted(
        {gateway.PLATFORM_CLIENT}
        | {name for name, client in clients.items() if gateway.may_pin(client.role, weights)}
    )


def only_for(clients: Collection[str], entry: dict[str, Any]) -> dict[str, Any]:
    """The route for these clients only; the others get 403 (`envoy_bootstrap`)."""
    principals = [
        {"header": {"name": gateway.CLIENT_HEADER, "string_match": {"exact": client}}}
        for client in clients
    ]
    policy = {"permissions": [{"any": True}], "principals": principals}
    only = {
        "@type": _TYPE + "envoy.extensions.filters.http.rbac.v3.RBACPerRoute",
        "rbac": {"rules": {"action": "ALLOW", "policies": {"pins": policy}}},
    }
    return {**entry, "typed_per_filter_config": {"envoy.filters.http.rbac": only}}


def keys(clients: Mapping[str, Client]) -> dict[str, Any]:
    """Who has which key, and the header that tells the predictor whose it was."""
    return {
        "@type": _TYPE + "envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuthPerRoute",
        "credentials": [
            {"client": name, "key": client.key} for name, client in sorted(clients.items())
        ],
        "forwarding": {"header": gateway.CLIENT_HEADER, "hide_credentials": True},
    }


def limits(routes: Iterable[Route]) -> dict[str, Any]:
    """One bucket for each client of each endpoint, whatever the protocol."""

    def bucket(requests_per_second: int) -> dict[str, Any]:
        return {
            "max_tokens": requests_per_second,
            "tokens_per_fill": requests_per_second,
            "fill_interval": "1s",
        }

    everything = {"numerator": 100, "denominator": "HUNDRED"}
    return {
        "@type": _TYPE + "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        "stat_prefix": "gateway",
        "token_bucket": bucket(1_000_000),
        "filter_enabled": {"default_value": everything},
        "filter_enforced": {"default_value": everything},
        "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
        "max_dynamic_descriptors": 1000,
        "rate_limits": [
            {
                "actions": [
                    {
                        "metadata": {
                            "descriptor_key": "endpoint",
                            "metadata_key": {"key": "sluice", "path": [{"key": "endpoint"}]},
                            "source": "ROUTE_ENTRY",
                        }
                    },
                    {
                        "request_headers": {
                            "header_name": gateway.CLIENT_HEADER,
                            "descriptor_key": "client",
                        }
                    },
                ]
            }
        ],
        "descriptors": [
            {
                "entries": [{"key": "endpoint", "value": route.endpoint}, {"key": "client"}],
                "token_bucket": bucket(route.requests_per_second),
            }
            for route in routes
        ],
    }

"""Recording rules of what serving costs, live: provisioned replicas by the prices that hold now.

For people who look at a board; a bill is `sluice cost`'s, which counts raw counters and spans. A
target that is down costs as one that is up. A price that is too old, or that no longer holds, is no
sample, so that its versions turn up in `version:sluice_unpriced:count`.
"""

from itertools import groupby
from typing import Any

from components.cost.prices import Price, Prices

_VERSION = "namespace, endpoint, model_version"
_UP = 'up{job="predictor"}'
_PRICE, _VCPU = "sluice:price:usd_per_hour", "sluice:price:vcpu"
_REPLICAS = "version:sluice_replicas:count"
_COST = "version:sluice_cost:usd_per_hour"
_SERVED = "version:sluice_served:rate5m"
_REQUESTS, _ERRORS = "version:sluice_requests:rate5m", "version:sluice_errors:rate5m"


def groups(prices: Prices) -> list[dict[str, Any]]:
    """The group of the prices, and that of the costs."""
    return [
        {"name": "sluice-prices", "rules": _prices(prices)},
        {"name": "sluice-cost", "rules": _costs()},
    ]


def _prices(prices: Prices) -> list[dict[str, Any]]:
    rules = []
    rows = sorted(prices.prices, key=lambda row: row.id)
    for _, of in groupby(rows, key=lambda row: row.id):
        history = list(of)
        for row, later in zip(history, [*history[1:], None], strict=True):
            until = min(row.good_until, later.begins) if later else row.good_until
            rules.append(_constant(_PRICE, row, row.usd_per_hour, until))
            if row.vcpu is not None:
                rules.append(_constant(_VCPU, row, row.vcpu, until))
    return rules


def _constant(name: str, row: Price, value: float, until: float) -> dict[str, Any]:
    """A price's number, for as long as the row holds."""
    held = f"vector(time()) < {until:.0f}"
    if row.since:
        held = f"vector(time()) >= {row.begins:.0f} < {until:.0f}"
    return {
        "record": name,
        "expr": f"vector({value:.10g}) and {held}",
        "labels": {"price": row.id, "revision": row.revision},
    }


def _costs() -> list[dict[str, Any]]:
    replicas = f"count by ({_VERSION}) ({_UP})"
    busy = f'sum by ({_VERSION}) (rate(process_cpu_seconds_total{{job="predictor"}}[5m]))'
    cores = f"sum by ({_VERSION}) ({_REPLICAS} * on (price) group_left () {_VCPU})"
    costs = f"sum by (namespace, endpoint) (avg_over_time({_COST}[1h]))"
    served = f"sum by (namespace, endpoint) (avg_over_time({_SERVED}[1h]))"
    return [
        {
            "record": _REPLICAS,
            # Who is not described has no price, but is there.
            "expr": (
                f"{replicas}\n  * on ({_VERSION}) group_left (price)\n"
                f"  max by ({_VERSION}, price) (sluice_version_info)\n"
                f"or on ({_VERSION})\n{replicas}\n"
            ),
        },
        {
            "record": "version:sluice_unpriced:count",
            "expr": f"sum by ({_VERSION}) ({_REPLICAS} unless on (price) {_PRICE})",
        },
        {
            "record": _COST,
            "expr": f"sum by ({_VERSION}) ({_REPLICAS} * on (price) group_left () {_PRICE})",
        },
        {
            "record": "version:sluice_idle:usd_per_hour",
            # Who gives no metrics is idle.
            "expr": (
                f"{_COST} * (1 - clamp_max(\n  ({busy} or 0 * {_COST})\n  / ({cores} > 0), 1\n))\n"
            ),
        },
        {
            "record": _SERVED,
            "expr": (
                f"({_REQUESTS} - ({_ERRORS} or 0 * {_REQUESTS}))\n"
                f"or\n0 * group by ({_VERSION}) ({_UP})\n"
            ),
        },
        {
            "record": "endpoint:sluice_cost:usd_per_hour",
            "expr": f"sum by (namespace, endpoint) ({_COST})",
        },
        {
            "record": "endpoint:sluice_cost:usd_per_1000_1h",
            "expr": f"1000 * {costs} / 3600\n/ ({served} > 0)\n",
        },
    ]

"""A statement for programs: one JSON object."""

from typing import Any

from components.cost.bill import MICRO, Line, Total
from components.cost.formulas import TARGET_SHARE, per_1000
from components.cost.statement import EndpointCost, Statement


def summary(statement: Statement) -> dict[str, Any]:
    """All figures; amounts in USD are exact to the millionth, times are in seconds."""
    return {
        "from": statement.start,
        "to": statement.end,
        "currency": "USD",
        **_total(statement.total),
        "endpoints": [_endpoint(each, statement) for each in statement.endpoints],
        "measured": statement.run
        and {
            "run": statement.run.name,
            "machine": statement.run.machine,
            "points": [
                {
                    "how": point.how,
                    "per_second": point.per_second,
                    "p95_ms": point.p95_ms,
                    "cpu_ms": point.cpu_ms,
                }
                for point in statement.run.points
            ],
        },
        "notes": list(statement.notes),
    }


def _total(total: Total) -> dict[str, Any]:
    used = total.usage
    return {
        "provisioned_s": total.seconds,
        "unpriced_s": total.unpriced_s,
        "usd": total.amount / MICRO,
        "worked_usd": total.worked / MICRO,
        "idle_usd": total.idle / MICRO,
        "undivided_usd": total.undivided / MICRO,
        "requests": used.requests,
        "served": used.served,
        "failed": used.failed,
        "refused": used.refused,
        "rows": used.rows,
        "cpu_s": used.cpu_s,
        "usd_per_1000_served": total.per_1000(used.served),
        "usd_per_1000_rows": total.per_1000(used.rows),
        "cpu_s_per_1000_served": None if used.cpu_s is None else per_1000(used.cpu_s, used.served),
        "restarts": used.restarts,
    }


def _endpoint(each: EndpointCost, statement: Statement) -> dict[str, Any]:
    sleeping = each.sleeping
    return {
        "endpoint": each.name,
        **_total(each.total),
        "requests_per_second": each.rate,
        "unseen_s": each.unseen_s,
        "versions": [_line(line) for line in each.total.lines],
        "scale_to_zero": {
            "cooldown_s": statement.assumed.cooldown_s,
            "cold_start_s": statement.assumed.cold_start_s,
            "awake_share": sleeping.awake,
            "cold_share": sleeping.cold,
            "waiting_share": sleeping.waiting,
            "saved_usd": each.saved / MICRO,
        },
        "break_even": each.capacity
        and {
            "capacity_per_second": each.capacity.per_second,
            "limit_p95_ms": each.limit_ms,
            "target_share": TARGET_SHARE,
            "gpus": [
                {
                    "price": gpu.gpu.id,
                    "usd_per_hour": gpu.gpu.usd_per_hour,
                    "requests_per_second": gpu.rate,
                    "needed_capacity_per_second": gpu.needed,
                }
                for gpu in each.gpus
            ],
        },
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "version": line.version,
        **_total(Total((line,))),
        "busy_share": line.busy,
        "charges": [
            {
                "from": charge.start,
                "to": charge.end,
                "replicas": charge.replicas,
                "price": charge.named or None,
                "usd_per_hour": charge.price and charge.price.usd_per_hour,
                "usd": charge.amount / MICRO,
            }
            for charge in line.charges
        ],
    }

"""Service level objectives: how fast an endpoint spends what its promise leaves, and who is told.

The budget is what may fail (or be slow): 1 - objective. A burn rate of 1 spends it in exactly the
promise's period; four pairs of windows tell an outage from a slow leak (Google's SRE workbook,
chapter 5, "multiwindow, multi-burn-rate alerts"). Rates are averaged before they are divided, so
that a quiet night does not weigh as much as a busy day. At few requests one lone failure is a large
share, so an alert needs `LEAST_FAILURES`: a floor on failures, for one on requests is blind to an
outage (`docs/alerts.md` has the simulation's figures).
"""

import re
from typing import NamedTuple

from components import gateway
from components.endpoint import Endpoint, refuse_unmeasurable
from dashboards.rules import traffic
from dashboards.rules.form import (
    BY_ENDPOINT,
    BY_VERSION,
    EVERY_S,
    Group,
    Rule,
    Severity,
    alert,
    recorded,
)

LEAST_FAILURES = 5
"""In the long window."""

BUDGET = "endpoint:sluice_slo_budget:ratio"
"""By the label `slo`: what share may fail, or be slow."""
IN_TIME = "endpoint:sluice_slo_latency:ms"
"""Within how many milliseconds an answer is in time."""


class Objective(NamedTuple):
    """One kind of promise."""

    slo: str
    alert: str
    bad: str
    """Series of what spends the budget, a second."""
    all: str
    """Series of what it is a share of."""
    does: str
    """What the bad ones do, in words."""


OBJECTIVES = (
    Objective("availability", "AvailabilityBurn", traffic.ERRORS, traffic.REQUESTS, "failed"),
    Objective("latency", "LatencyBurn", traffic.SLOW, traffic.ANSWERS, "were too slow"),
)


class Pair(NamedTuple):
    """A long window that decides, and a short one that tells whether it is still going on."""

    long: str
    short: str
    burn: float
    lasting: str
    kept: str
    severity: Severity


PAIRS = (
    Pair("1h", "5m", 14.4, "2m", "15m", "page"),
    Pair("6h", "30m", 6, "15m", "30m", "page"),
    Pair("1d", "2h", 3, "1h", "1h", "ticket"),
    Pair("3d", "6h", 1, "3h", "3h", "ticket"),
)
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")

VERSION_BURN, VERSION_WINDOW = 2, "30m"
"""A version fails `ErrorRateHigh` at so many times the endpoint's budget: at 10% of the traffic it
hardly moves the endpoint's own burn."""


def burn(objective: Objective, window: str) -> str:
    """The series of a burn rate."""
    return f"endpoint:sluice_{objective.slo}_burn:rate{window}"


def groups(every_s: int = EVERY_S) -> list[Group]:
    """Burn rates and their alerts, of every endpoint whose `objectives` are recorded."""
    burns = [
        recorded(burn(objective, window), _burn(objective, window))
        for objective in OBJECTIVES
        for window in WINDOWS
    ]
    alerts = [_alert(objective, pair, every_s) for objective in OBJECTIVES for pair in PAIRS]
    every = {"interval": f"{every_s}s"}
    return [
        {"name": "sluice-burn", **every, "rules": burns},
        {"name": "sluice-slo-alerts", **every, "rules": [*alerts, _version_alert(every_s)]},
    ]


def objectives(endpoint: Endpoint, namespace: str, every_s: int = EVERY_S) -> list[Group]:
    """What one endpoint's file promises, as series.

    Raises:
        InputError: the gateway does not count what is promised.
    """
    refuse_unmeasurable(endpoint)
    slo, whose = endpoint.slo, f'{gateway.ENDPOINT_LABEL}="{endpoint.name}"'
    labels = {gateway.NAMESPACE_LABEL: namespace, gateway.ENDPOINT_LABEL: endpoint.name}
    budgets = {"availability": 1 - slo.availability, "latency": 1 - slo.latency.objective}
    everything = traffic.answered(whose, 'le="+Inf"')
    in_time = traffic.answered(whose, f'le=~"{_le(slo.latency.ms)}"')
    rules = [
        *(
            recorded(BUDGET, f"vector({budget:.10g})", {**labels, "slo": name})
            for name, budget in budgets.items()
        ),
        recorded(IN_TIME, f"vector({slo.latency.ms:g})", labels),
        recorded(traffic.SLOW, f"{everything} - {in_time}"),
    ]
    return [{"name": f"sluice-slo-{endpoint.name}", "interval": f"{every_s}s", "rules": rules}]


def _le(milliseconds: float) -> str:
    """A regex of an edge's label; Prometheus 3 writes 200000 as 200000.0 and 2000000 as 2e+06."""
    edge = round(milliseconds * gateway.PER_MS)
    forms = dict.fromkeys((f"{edge}", f"{edge}.0", f"{edge:g}"))
    return "|".join(re.escape(form).replace("\\", "\\\\") for form in forms)


def _burn(objective: Objective, window: str) -> str:
    bad, whole = _average(objective.bad, window), _average(objective.all, window)
    budget = f'{BUDGET}{{slo="{objective.slo}"}}'
    return f"{bad} / ({whole} > 0) / on ({BY_ENDPOINT}) {budget}"


def _average(rate: str, window: str) -> str:
    return f"avg_over_time({rate}[{window}])"


def _counted(rate: str, window: str, every_s: int) -> str:
    """How many there were in the window: each evaluation stands for the time to the next one."""
    return f"sum_over_time({rate}[{window}]) * {every_s}"


def _alert(objective: Objective, pair: Pair, every_s: int) -> Rule:
    long, short = burn(objective, pair.long), burn(objective, pair.short)
    floor = f"{_counted(objective.bad, pair.long, every_s)} >= {LEAST_FAILURES}"
    return alert(
        objective.alert,
        f"{long} > {pair.burn:g} and {short} > {pair.burn:g} and {floor}",
        lasting=pair.lasting,
        severity=pair.severity,
        kept=pair.kept,
        summary=(
            f"{{{{ $labels.endpoint }}}}: so many requests {objective.does} in the last {pair.long}"
            f" that its {objective.slo} budget goes"
            ' {{ $value | printf "%.1f" }} times as fast as promised.'
        ),
        mend=(
            "sluice releases shows what changed; sluice rollback {{ $labels.endpoint }} ends a"
            " release that is under way"
        ),
        labels={"slo": objective.slo, "long": pair.long, "short": pair.short},
    )


def _version_alert(every_s: int) -> Rule:
    errors, requests = traffic.VERSION_ERRORS, traffic.VERSION_REQUESTS
    ratio = f"{_average(errors, VERSION_WINDOW)} / ({_average(requests, VERSION_WINDOW)} > 0)"
    limit = f'{VERSION_BURN} * {BUDGET}{{slo="availability"}}'
    floor = f"{_counted(errors, VERSION_WINDOW, every_s)} >= {LEAST_FAILURES}"
    on = f"on ({BY_ENDPOINT}) group_left ()"
    return alert(
        "ErrorRateHigh",
        f"({ratio}) > {on} ({limit}) and on ({BY_VERSION}) {floor}",
        lasting="5m",
        severity="ticket",
        kept="30m",
        summary=(
            "{{ $labels.endpoint }} version {{ $labels.model_version }} failed"
            f" {{{{ $value | humanizePercentage }}}} of its requests in the last {VERSION_WINDOW}."
        ),
        mend="sluice releases shows what changed; sluice status shows the version's log",
        labels={"slo": "availability"},
    )

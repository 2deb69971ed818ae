"""Recording rules and alerts: ``python -m dashboards.rules`` writes the YAML that Prometheus loads.

What users got of each version, from the gateway's own access log, by the names of
`components.gateway`; what is no user's request (`gateway.backend(aside=True)`) is left out. For
people and alerts only: the judge reads the raw counters.

The rules for all endpoints are committed (`FILE`). What an endpoint's own file promises is a file
of its own (`of_endpoint`), made by `sluice rules`, and by a platform of its own accord: a fault in
one leaves the others alone.
"""

from pathlib import Path

from components.cost import prices
from components.endpoint import Endpoint
from dashboards.rules import cost, slo, states, traffic
from dashboards.rules.form import EVERY_S, Group, written

FOLDER = Path(__file__).parent
FILE = FOLDER / "sluice.rules.yaml"

NAMESPACE = "local"
"""Where the endpoints of one machine are."""


def groups(every_s: int = EVERY_S) -> list[Group]:
    """The rules for all endpoints."""
    return [
        *traffic.groups(every_s),
        *slo.groups(every_s),
        *cost.groups(prices.load()),
        *states.groups(),
    ]


def text(every_s: int = EVERY_S) -> str:
    """The same as `FILE` holds them."""
    return written(groups(every_s), "Written by `python -m dashboards.rules`: change it there.")


def file_name(endpoint: str) -> str:
    """The name of the file with an endpoint's own rules."""
    return f"endpoint-{endpoint}.rules.yaml"


def of_endpoint(endpoint: Endpoint, namespace: str = NAMESPACE, every_s: int = EVERY_S) -> str:
    """The rules of one endpoint as a file.

    Raises:
        InputError: it promises what the gateway does not count.
    """
    head = f"Written by `sluice rules` from the file of {endpoint.name}: change that."
    return written(slo.objectives(endpoint, namespace, every_s), head)

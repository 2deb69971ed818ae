"""What Prometheus' alerts say: its rules are asked, so a name that none has is told from quiet."""

from collections.abc import Mapping, Sequence
from typing import Literal

import httpx

from components import gateway
from components.errors import Unreachable

Alerting = Literal["firing", "quiet", "unknown"]
"""Unknown: no rule has the name, or the rule fails."""
OWN_RULES = "sluice-"
"""How the names of our own rules' groups begin (`dashboards.rules`)."""
_SCRAPED = {"job", "instance", "service", "pod", "container"}
"""Labels that a scrape gives. Prometheus Operator gives `endpoint`, too: a port's name."""


def alerts(
    client: httpx.Client, names: Sequence[str], endpoint: str, namespace: str = ""
) -> dict[str, Alerting]:
    """Which of the named alerts fire, of this endpoint or of none in particular.

    Args:
        client: of the server.
        names: of alerts.
        endpoint: alerts that name another one are left out, but not where what names it may be
            what an operator calls a port.
        namespace: those of another one's endpoint of the name, likewise; empty: there is one only.

    Raises:
        Unreachable: the server did not answer, or not as Prometheus does.
    """
    asked = {"type": "alert", "rule_name[]": list(names)}
    try:
        answer = client.get("/api/v1/rules", params=asked)
        answer.raise_for_status()
        groups = answer.json()["data"]["groups"]
        rules = [(group, rule) for group in groups for rule in group["rules"]]
        found: dict[str, Alerting] = dict.fromkeys(names, "unknown")
        for group, rule in rules:
            if rule["name"] not in names:
                continue
            ours = str(group.get("name")).startswith(OWN_RULES)
            firing = [each["labels"] for each in rule["alerts"] if each["state"] == "firing"]
            if not all(_of_another(labels, ours, endpoint, namespace) for labels in firing):
                found[rule["name"]] = "firing"
            elif found[rule["name"]] == "unknown" and rule.get("health") != "err":
                found[rule["name"]] = "quiet"
    except httpx.HTTPError as error:
        raise Unreachable(f"Prometheus at {client.base_url}: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        text = f"{client.base_url} does not answer as Prometheus does: {error!r}"
        raise Unreachable(text) from error
    return found


def _of_another(labels: Mapping[str, str], ours: bool, endpoint: str, namespace: str) -> bool:
    """Whether an alert is certainly of another endpoint than this one."""
    whose = labels.get(gateway.ENDPOINT_LABEL, "")
    known = ours or gateway.VERSION_LABEL in labels or labels.keys().isdisjoint(_SCRAPED)
    if not (whose and known):
        return False
    elsewhere = labels.get(gateway.NAMESPACE_LABEL) not in {None, namespace}
    return whose != endpoint or bool(namespace and elsewhere)

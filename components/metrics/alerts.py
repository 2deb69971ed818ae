"""What Prometheus' alerts say: its rules are asked, so a name that none has is told from quiet."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import httpx

from components import gateway
from components.errors import Unreachable

Alerting = Literal["firing", "quiet", "unknown"]
"""Unknown: no rule has the name, or the rule fails."""


def alerts(
    client: httpx.Client, names: Sequence[str], endpoint: str, namespace: str = ""
) -> dict[str, Alerting]:
    """Which of the named alerts fire, of this endpoint or of none in particular.

    Args:
        client: of the server.
        names: of alerts.
        endpoint: alerts that name another one are left out.
        namespace: those of another one's endpoint of the name, likewise; empty: there is one only.

    Raises:
        Unreachable: the server did not answer, or not as Prometheus does.
    """
    asked = {"type": "alert", "rule_name[]": list(names)}
    try:
        answer = client.get("/api/v1/rules", params=asked)
        answer.raise_for_status()
        groups = answer.json()["data"]["groups"]
        rules = [rule for group in groups for rule in group["rules"] if rule["name"] in names]
        found: dict[str, Alerting] = dict.fromkeys(names, "unknown")
        for rule in rules:
            if any(_fires(each, endpoint, namespace) for each in rule["alerts"]):
                found[rule["name"]] = "firing"
            elif found[rule["name"]] == "unknown" and rule.get("health") != "err":
                found[rule["name"]] = "quiet"
    except httpx.HTTPError as error:
        raise Unreachable(f"Prometheus at {client.base_url}: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        text = f"{client.base_url} does not answer as Prometheus does: {error!r}"
        raise Unreachable(text) from error
    return found


def _fires(alert: Mapping[str, Any], endpoint: str, namespace: str) -> bool:
    labels = alert["labels"]
    whose = labels.get(gateway.ENDPOINT_LABEL, "")
    if alert["state"] != "firing" or whose not in {"", endpoint}:
        return False
    return not (whose and namespace) or labels.get(gateway.NAMESPACE_LABEL) in {None, namespace}

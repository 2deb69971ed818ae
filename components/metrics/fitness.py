"""Whether a Prometheus tells the gateway's replicas apart: asked before a release begins.

Rules of whoever runs it may drop the labels that do, so that two replicas are one series that
jumps, or none that is found; and a limit on labels or samples refuses a replica whole.
"""

import httpx

from components.metrics.prometheus import ask
from components.metrics.queries import COUNTED, TARGET, Queries

_LIMIT = "limit"
"""A word of what Prometheus says of a target that one of its limits refuses."""


def unfit(client: httpx.Client, queries: Queries) -> str:
    """Why what it has of the gateway is nothing to judge by; empty if it is, or nobody knows.

    Raises:
        Unreachable: the server did not answer, or not as Prometheus does.
    """
    if queries.uptime is None:
        return ""
    labels = dict.fromkeys(label for label in (*TARGET, *queries.replica) if label != "job")
    # What each replica has from its first second on, whoever is asked.
    up, scraped = queries.uptime.select, queries.scraped.select()
    # For minutes a series is still there of which the label was dropped until it was mended.
    newest = f"scalar(min(timestamp({scraped}) and {scraped} == 1))"
    lacking = (
        f"label_replace(count(timestamp({up(_without(label), *queries.scraped.matchers)})"
        f' >= {newest}), "{COUNTED}", "{label}", "", "")'
        for label in labels
    )
    if found := ask(client, queries, "query", query=" or ".join(lacking)):
        label = found[0].labels[COUNTED]
        return (
            f"Prometheus drops the label {label!r} of what the gateway counts, so nobody can tell"
            f" its proxies apart: take {label!r} out of the labeldrop of its metric_relabel_configs"
            " (metricRelabelings)"
        )
    return _refused(client)


def _without(label: str) -> str:
    return f'{label}=""'


def _refused(client: httpx.Client) -> str:
    """Which of the gateway's targets one of Prometheus' limits refuses."""
    try:
        answer = client.get("/api/v1/targets", params={"state": "active"})
        answer.raise_for_status()
        targets = answer.json()["data"]["activeTargets"]
        for target in targets:
            said = str(target.get("lastError") or "")
            if target.get("labels", {}).get("job") == "gateway" and _LIMIT in said:
                where = target["labels"].get("instance", "")
                return f"Prometheus refuses what proxy {where} counts ({said}): raise that limit"
    except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError):
        return ""  # what stores metrics for Prometheus has no targets of its own
    return ""

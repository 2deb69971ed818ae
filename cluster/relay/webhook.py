"""The relay's webhook in MLflow: made, or mended, when the relay starts."""

from collections.abc import Iterator
from typing import Any

import httpx

from components.errors import PlatformError, Unreachable
from components.registry.refusals import not_as_expected

NAME = "sluice"
EVENTS = [{"entity": "MODEL_VERSION_ALIAS", "action": "CREATED"}]
_PATH = "/api/2.0/mlflow/webhooks"


def register(registry: str, url: str, secret: str, wire: httpx.BaseTransport | None = None) -> None:
    """Make MLflow tell ``url`` of each alias that is set; may be repeated.

    Args:
        registry: MLflow's base URL.
        url: of the relay.
        secret: by which MLflow signs.
        wire: httpx's own if None.

    Raises:
        Unreachable: MLflow does not answer.
        PlatformError: it refuses.
    """
    wanted = {"name": NAME, "url": url, "events": EVENTS, "secret": secret, "status": "ACTIVE"}
    with httpx.Client(base_url=registry, transport=wire, timeout=10, trust_env=False) as client:
        try:
            ours = [each["webhook_id"] for each in _listed(client) if each.get("name") == NAME]
        except (KeyError, TypeError, AttributeError) as error:
            raise not_as_expected(str(client.base_url), error) from error
        if not ours:
            _call(client, "POST", _PATH, json=wanted)
            return
        # The secret is not told: it is written each time.
        _call(client, "PATCH", f"{_PATH}/{ours[0]}", json=wanted)
        for more in ours[1:]:
            _call(client, "DELETE", f"{_PATH}/{more}")


def _listed(client: httpx.Client) -> Iterator[dict[str, Any]]:
    query: dict[str, str] = {"max_results": "100"}
    while True:
        page = _call(client, "GET", _PATH, params=query)
        yield from page.get("webhooks", [])
        if not (more := page.get("next_page_token")):
            return
        query["page_token"] = more


def _call(client: httpx.Client, method: str, path: str, **content: Any) -> dict[str, Any]:
    try:
        answer = client.request(method, path, **content)
    except httpx.HTTPError as error:
        raise Unreachable(f"MLflow at {client.base_url}: {error}") from error
    if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise Unreachable(f"MLflow at {client.base_url} answers {answer.status_code}")
    if not answer.is_success:
        said = " ".join(answer.text.split())[:300]
        raise PlatformError(f"MLflow refuses its webhook: {said}: see docs/cluster.md")
    try:
        found: dict[str, Any] = answer.json()
    except ValueError as error:
        raise not_as_expected(str(client.base_url), error) from error
    return found

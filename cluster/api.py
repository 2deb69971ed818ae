"""What is asked of the API server: one call each, with its refusals as errors of ours."""

import json
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any

import httpx

from cluster.access import Access
from cluster.kinds import Kind, Object
from cluster.refusals import Conflict, Expired, Invalid, Missing, NoKind, not_as_expected, refusal
from components.errors import Unreachable
from components.put_off import TRIES, answered

__all__ = ["MANAGER", "Api", "Conflict", "Invalid", "Missing", "metadata"]

MANAGER = "sluice"
"""Under whose name our fields stand in ``managedFields``."""

_TIMEOUT_S = 30.0
"""A server that is slow is not away: each call may take so long..."""
_CONNECT_S = 5.0
"""...but who does not even take the connection."""
_PAGE = 500
_MERGE = "application/merge-patch+json"
_APPLY = "application/apply-patch+yaml"


class Api:
    """An API server. What is written is checked strictly: an unknown field is an error.

    Each call may raise `Unreachable` (of a write: it may have been done or not), or PlatformError:
    the account may not.

    Args:
        access: the way there.
        transport: the wire; httpx's own if None.
        timeout_s: how long an answer is waited for.
    """

    def __init__(
        self,
        access: Access,
        transport: httpx.BaseTransport | None = None,
        timeout_s: float = _TIMEOUT_S,
    ) -> None:
        self.access = access
        self.timeout_s = timeout_s
        self.answered_at: float | None = None
        """When it answered last, by its own clock, in seconds since the epoch; None: unknown."""
        self._transport = transport
        self._apart: list[Api] = []

    def apart(self, timeout_s: float) -> "Api":
        """Another way to the same server, so that nothing on this one is in its way."""
        self._apart.append(Api(self.access, self._transport, timeout_s))
        return self._apart[-1]

    @cached_property
    def _client(self) -> httpx.Client:
        way = self.access
        return httpx.Client(
            base_url=way.server,
            auth=way.auth,
            timeout=httpx.Timeout(self.timeout_s, connect=_CONNECT_S),
            transport=self._transport,
            verify=way.trust,
            proxy=way.proxy or None,
            # Nobody's variables for other servers may lead this one's credentials astray.
            trust_env=False,
        )

    def close(self) -> None:
        """Close what connections there are."""
        self._client.close()
        for each in self._apart:
            each.close()

    def version(self) -> str:
        """The API server's own version."""
        return str(self._ask("GET", "/version", of="gitVersion")["gitVersion"])

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """The object, or None.

        Raises:
            NoKind: whether there is one cannot be said.
        """
        try:
            return self._ask("GET", kind.path(namespace, name))
        except NoKind:
            raise
        except Missing:
            return None

    def _list(self, kind: Kind, namespace: str, labels: Mapping[str, str]) -> list[Object]:
        asked = {"limit": str(_PAGE)}
        if labels:
            asked["labelSelector"] = ",".join(f"{key}={value}" for key, value in labels.items())
        found: list[Object] = []
        while True:
            page = self._ask("GET", kind.path(namespace), asked, of="items")
            found += page["items"] or []
            if not (more := (page.get("metadata") or {}).get("continue")):
                return found
            asked["continue"] = more

    def list(self, kind: Kind, namespace: str, labels: Mapping[str, str] = {}) -> list[Object]:
        """The objects of the namespace that carry these labels."""
        for _ in range(TRIES - 1):
            try:
                return self._list(kind, namespace, labels)
            except Expired:  # the list changed for long, or the server began anew
                continue
        return self._list(kind, namespace, labels)

    def create(self, kind: Kind, namespace: str, made: Object) -> Object:
        """Make an object.

        Raises:
            Conflict: there is one of that name.
            Invalid: it is wrong.
        """
        return self._write("POST", kind.path(namespace), made)

    def replace(self, kind: Kind, namespace: str, changed: Object) -> Object:
        """Put an object in the place of what was read, if that has not changed since.

        Raises:
            Conflict: it has changed.
            Missing: it is gone.
            Invalid: it is wrong.
        """
        return self._write("PUT", kind.path(namespace, changed["metadata"]["name"]), changed)

    def merge(self, kind: Kind, namespace: str, name: str, patch: Object) -> Object:
        """Change what the patch names; None removes a key.

        A ``metadata.resourceVersion`` in it makes this a compare-and-swap.

        Raises:
            Conflict: the object has changed.
            Missing: it is gone.
            Invalid: it is wrong.
        """
        return self._write("PATCH", kind.path(namespace, name), patch, _MERGE)

    def apply(self, kind: Kind, namespace: str, wanted: Object) -> Object:
        """Make an object, or make its fields these; they are ours from then on.

        Raises:
            Invalid: it is wrong.
        """
        path = kind.path(namespace, wanted["metadata"]["name"])
        return self._write("PATCH", path, wanted, _APPLY, force="true")

    def delete(self, kind: Kind, namespace: str, name: str, resource_version: str = "") -> None:
        """Ask for an object's end, then for that of what it owns; harmless when there is none.

        Raises:
            Conflict: it is not of that ``resource_version`` any more.
        """
        options: Object = {"propagationPolicy": "Background"}
        if resource_version:
            options["preconditions"] = {"resourceVersion": resource_version}
        try:
            self._ask("DELETE", kind.path(namespace, name), content=options)
        except Missing:
            return

    def _write(
        self, method: str, path: str, content: Object, media: str = "", **more: str
    ) -> Object:
        asked = {"fieldManager": MANAGER, "fieldValidation": "Strict", **more}
        return self._ask(method, path, asked, content, media)

    def _ask(
        self,
        method: str,
        path: str,
        asked: Mapping[str, str] = {},
        content: Object | None = None,
        media: str = "",
        *,
        of: str = "kind",
    ) -> Object:
        """What is answered: an object that has the key ``of``."""
        answer = self._answer(
            self._client.build_request(
                method,
                path,
                params=asked,
                content=None if content is None else json.dumps(content),
                headers={"content-type": media or "application/json"},
                extensions={"sni_hostname": self.access.server_name}
                if self.access.server_name
                else {},
            )
        )
        self.answered_at = _date(answer) or self.answered_at
        if not answer.is_success:
            raise refusal(answer, path)
        try:
            found = answer.json()
        except ValueError as error:
            raise not_as_expected(path, error) from error
        if not isinstance(found, dict) or of not in found:
            raise not_as_expected(path, found)
        return found

    def _answer(self, request: httpx.Request) -> httpx.Response:
        """The answer; what the server has put off is asked again."""
        try:
            return answered(lambda: self._client.send(request))
        except httpx.HTTPError as error:
            said = str(error) or type(error).__name__
            raise Unreachable(f"the API server {request.url.host}: {said}") from error


def _date(answer: httpx.Response) -> float | None:
    try:
        return parsedate_to_datetime(answer.headers["date"]).timestamp()
    except (KeyError, ValueError):
        return None


def metadata(found: Object, part: str) -> dict[str, Any]:
    """Labels or annotations of an object; {} if it has none."""
    content: dict[str, Any] = found["metadata"].get(part) or {}
    return content

"""What is asked of the API server: one call each, with its refusals as errors of ours."""

import json
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any

import httpx

from cluster.access import Access
from cluster.kinds import Kind, Object
from components.errors import PlatformError, Unreachable

MANAGER = "sluice"
"""Under whose name our fields stand in ``managedFields``."""

_TIMEOUT_S = 30.0
"""A server that is slow is not away: each call may take so long..."""
_CONNECT_S = 5.0
"""...but who does not even take the connection."""
_TRIES = 3
_LONGEST_PAUSE_S = 5.0
_PAGE = 500
_TOO_MANY = 429
_UNKNOWN_FIELD = "failed to create typed patch object"
"""What a server-side apply says of a field that is not there, as a fault of its own (500)."""
_MERGE = "application/merge-patch+json"
_APPLY = "application/apply-patch+yaml"


class Conflict(PlatformError):
    """The object is there already, or has changed since it was read."""


class Missing(PlatformError):
    """There is no such object, or no such kind."""


class Invalid(PlatformError):
    """The API server, or a webhook, refuses what the object says."""


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
        return str(self._ask("GET", "/version")["gitVersion"])

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """The object, or None."""
        try:
            return self._ask("GET", kind.path(namespace, name))
        except Missing:
            return None

    def list(self, kind: Kind, namespace: str, labels: Mapping[str, str] = {}) -> list[Object]:
        """The objects of the namespace that carry these labels."""
        asked = {"limit": str(_PAGE)}
        if labels:
            asked["labelSelector"] = ",".join(f"{key}={value}" for key, value in labels.items())
        found: list[Object] = []
        while True:
            page = self._ask("GET", kind.path(namespace), asked)
            found += page.get("items") or []
            if not (more := page["metadata"].get("continue")):
                return found
            asked["continue"] = more

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
    ) -> Object:
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
        if answer.is_success:
            found: Object = answer.json()
            return found
        raise _error(answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        """The answer; what the server has put off is asked again."""
        for left in reversed(range(_TRIES)):
            try:
                answer = self._client.send(request)
            except httpx.HTTPError as error:
                said = str(error) or type(error).__name__
                raise Unreachable(f"the API server {request.url.host}: {said}") from error
            # Not begun, by the server's own word: so writes may be repeated, too.
            if answer.status_code != _TOO_MANY or not left:
                return answer
            time.sleep(min(_seconds(answer), _LONGEST_PAUSE_S))
        raise AssertionError


def _date(answer: httpx.Response) -> float | None:
    try:
        return parsedate_to_datetime(answer.headers["date"]).timestamp()
    except (KeyError, ValueError):
        return None


def _seconds(answer: httpx.Response) -> float:
    after = answer.headers.get("retry-after", "")
    return float(after) if after.isdecimal() else 1.0


def _error(answer: httpx.Response) -> PlatformError:
    """The refusal, in the server's words."""
    try:
        said = str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        said = f"{answer.status_code} {answer.reason_phrase}"
    said = f"the API server refuses: {' '.join(said.split())}"
    if _UNKNOWN_FIELD in said:
        return Invalid(said)
    match answer.status_code:
        case 404:
            return Missing(said)
        case 409:
            return Conflict(said)
        case 400 | 422:
            return Invalid(said)
        case 401:
            # Of a token that has ended: whoever puts another one there mends it, and it is no
            # reason to end a release.
            return Unreachable(f"{said}: log in again, see 'kubectl auth whoami'")
        case 403:
            return PlatformError(f"{said}: ask for the role in manifests/ that may")
        case status if status == _TOO_MANY or status >= 500:
            return Unreachable(said.replace("refuses", "cannot answer now"))
    return PlatformError(said)


def metadata(found: Object, part: str) -> dict[str, Any]:
    """Labels or annotations of an object; {} if it has none."""
    content: dict[str, Any] = found["metadata"].get(part) or {}
    return content

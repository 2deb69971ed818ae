"""An API server's objects on a wire, as far as they are written and read: no controller, no schema.

For what nobody can have a real one do in a moment: all that other people make of an object.
"""

import copy
import json
import ssl
from typing import Any
from urllib.parse import unquote

import httpx

from cluster.access import Access
from cluster.api import Api
from cluster.kinds import Kind, Object

NAMESPACE = "demo"


class Objects:
    """The objects, and a wire to them; what was written by whom is not told apart."""

    def __init__(self) -> None:
        self._found: dict[str, Object] = {}
        self._version = 0
        self.writes: list[tuple[str, str]] = []
        """Method and path of all that changed something, or tried to."""

    def api(self) -> Api:
        """The way to them."""
        return Api(
            Access("http://api", NAMESPACE, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)),
            httpx.MockTransport(self._answer),
        )

    def put(self, kind: Kind, found: Object) -> None:
        """Let somebody else have written an object."""
        path = kind.path(NAMESPACE, found["metadata"]["name"])
        self._keep(path, copy.deepcopy(found))

    def get(self, kind: Kind, name: str) -> Any:
        """A copy of an object; None without one."""
        return copy.deepcopy(self._found.get(kind.path(NAMESPACE, name)))

    def names(self) -> list[tuple[str, str]]:
        """Plural kind and name of all that is there."""
        return sorted(tuple(path.split("/")[-2:]) for path in self._found)  # type: ignore[misc]

    def _keep(self, path: str, made: Object) -> Object:
        before = self._found.get(path)
        metadata = made["metadata"]
        metadata["namespace"] = NAMESPACE
        metadata["uid"] = path
        changed = before is None or before.get("spec") != made.get("spec")
        number = before["metadata"]["generation"] if before else 0
        metadata["generation"] = number + changed
        if made != before:
            self._version += 1
            metadata["resourceVersion"] = str(self._version)
        self._found[path] = made
        return copy.deepcopy(made)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = unquote(request.url.path)
        sent = json.loads(request.content) if request.content else {}
        if request.method != "GET":
            self.writes.append((request.method, path))
        match request.method:
            case "GET" if path in self._found:
                return httpx.Response(200, json=self._found[path])
            case "GET" if path.rpartition("/")[2].endswith("s"):
                return httpx.Response(200, json={"metadata": {}, "items": self._listed(request)})
            case "POST":
                path = f"{path}/{sent['metadata']['name']}"
                if path in self._found:
                    return _refused(409)
                return httpx.Response(201, json=self._keep(path, sent))
            case "PATCH" if "apply" in request.headers["content-type"]:
                return httpx.Response(200, json=self._keep(path, _merged(self._of(path), sent)))
        if path not in self._found:
            return _refused(404)
        wanted = (sent.get("preconditions") or sent.get("metadata") or {}).get("resourceVersion")
        if wanted and wanted != self._found[path]["metadata"]["resourceVersion"]:
            return _refused(409)
        if request.method == "DELETE":
            return httpx.Response(200, json=self._found.pop(path))
        made = sent if request.method == "PUT" else _merged(self._of(path), sent)
        return httpx.Response(200, json=self._keep(path, made))

    def _of(self, path: str) -> Object:
        return copy.deepcopy(self._found.get(path, {}))

    def _listed(self, request: httpx.Request) -> list[Object]:
        selector = request.url.params.get("labelSelector", "")
        wanted = dict(each.split("=", 1) for each in selector.split(",") if each)
        return [
            each
            for path, each in self._found.items()
            if path.startswith(f"{unquote(request.url.path)}/")
            and wanted.items() <= (each["metadata"].get("labels") or {}).items()
        ]


def _merged(found: Object, patch: Object) -> Object:
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        elif isinstance(value, dict):
            found[key] = _merged(dict(found.get(key) or {}), value)
        else:
            found[key] = value
    return found


def _refused(status: int) -> httpx.Response:
    return httpx.Response(status, json={"message": f"refused: {status}"})

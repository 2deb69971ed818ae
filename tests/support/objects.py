"""An API server's objects as people change them: by patches, and each of a version."""

import copy
import json
from typing import Any

import httpx

from cluster.api import Api
from cluster.kinds import Kind, Object
from tests.support.wires import Remembering

NAMESPACE = "demo"


class Objects(Remembering):
    """The objects of one namespace; what was written by whom is not told apart."""

    def __init__(self) -> None:
        super().__init__()
        self._version = 0

    @property
    def way(self) -> Api:
        """The way to them."""
        return self.api(NAMESPACE)

    def put(self, kind: Kind, found: Object) -> None:
        """Let somebody else have written an object."""
        self._keep(kind.path(NAMESPACE, found["metadata"]["name"]), copy.deepcopy(found))

    def get(self, kind: Kind, name: str) -> Any:
        """A copy of an object; None without one."""
        return copy.deepcopy(self.objects.get(kind.path(NAMESPACE, name)))

    def names(self) -> list[tuple[str, str]]:
        """Plural kind and name of all that is there."""
        parts = (path.split("/") for path in self.objects)
        return sorted((each[-2], each[-1]) for each in parts)

    def _keep(self, path: str, made: Object) -> Object:
        before, metadata = self.objects.get(path), made["metadata"]
        changed = before is None or before.get("spec") != made.get("spec")
        number = before["metadata"]["generation"] if before else 0
        metadata |= {"namespace": NAMESPACE, "uid": path, "generation": number + changed}
        if made != before:
            self._version += 1
            metadata["resourceVersion"] = str(self._version)
        self.objects[path] = made
        return copy.deepcopy(made)

    def _answer(self, request: httpx.Request) -> tuple[int, Object]:
        if request.method in {"GET", "DELETE"} and not request.read():
            return super()._answer(request)
        path, sent = request.url.path, json.loads(request.read())
        if request.method == "POST":
            path = f"{path}/{sent['metadata']['name']}"
        found = self.objects.get(path)
        wanted = (sent.get("preconditions") or sent.get("metadata") or {}).get("resourceVersion")
        if found and (request.method == "POST" or wanted not in {None, _version(found)}):
            return 409, {"kind": "Status", "message": "the object has been modified"}
        if request.method == "DELETE":
            return super()._answer(request)
        self.writes.append((request.method, path))
        if request.method != "PATCH":
            return 200, self._keep(path, sent)
        if found is None and "merge" in request.headers["content-type"]:
            return 404, {"kind": "Status", "message": f"{path} not found"}
        return 200, self._keep(path, _merged(copy.deepcopy(found or {}), sent))


def _version(found: Object) -> str:
    return str(found["metadata"]["resourceVersion"])


def _merged(found: Object, patch: Object) -> Object:
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        elif isinstance(value, dict):
            found[key] = _merged(dict(found.get(key) or {}), value)
        else:
            found[key] = value
    return found

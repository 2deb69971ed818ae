"""The wire to an API server as it sometimes is, or to one that only remembers."""

import json
import ssl
from collections.abc import Callable
from email.utils import formatdate

import httpx
from obstore.store import MemoryStore

from cluster import kinds
from cluster.access import Access
from cluster.api import Api
from cluster.kinds import Kind, Object
from cluster.proxies import Proxies
from cluster.scaling import KedaScaling
from cluster.serving import KServing, arms
from cluster.settings import Gateway, Predictor
from cluster.traffic import RoutedTraffic
from components.platform import Clock, SystemClock
from components.platform.spans import ObjectSpans


class Losing(httpx.BaseTransport):
    """Loses the answers to the next writes, which are done all the same, or are not."""

    def __init__(self, access: Access) -> None:
        self._wire = httpx.HTTPTransport(verify=access.trust)
        self.answers = 0
        """How many answers of writes are still to be lost."""
        self.requests = 0
        """How many writes are still to be lost on their way there."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        write = request.method != "GET"
        if write and self.requests:
            self.requests -= 1
            raise httpx.ConnectError("lost on its way")
        answer = self._wire.handle_request(request)
        if write and self.answers:
            self.answers -= 1
            answer.close()
            raise httpx.ReadError("the answer was lost")
        return answer

    def close(self) -> None:
        self._wire.close()


def answering(answer: Callable[[httpx.Request], httpx.Response]) -> Api:
    """A server that answers so."""
    way = Access("https://api.test", "demo", ssl.create_default_context())
    return Api(way, httpx.MockTransport(answer))


def losing(api: Api) -> tuple[Api, Losing]:
    """The same server as the same user, by such a wire."""
    wire = Losing(api.access)
    return Api(api.access, wire), wire


class Remembering(httpx.BaseTransport):
    """An API server that only keeps what it is given, by its path, and says what was written.

    Args:
        date: what it takes for now, in seconds since the epoch; None: it does not say.
    """

    def __init__(self, date: float | None = None) -> None:
        self.objects: dict[str, Object] = {}
        self.writes: list[tuple[str, str]] = []
        """Method and path of each."""
        self.date = date

    def api(self, namespace: str) -> Api:
        """It, as who works in a namespace sees it."""
        return Api(Access("https://kept", namespace, ssl.create_default_context()), self)

    def keep(self, kind: Kind, namespace: str, found: Object) -> None:
        """Let an object of somebody's be there."""
        found["metadata"].setdefault("namespace", namespace)
        found["metadata"].setdefault("uid", f"uid-{len(self.objects)}")
        self.objects[kind.path(namespace, found["metadata"]["name"])] = found

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        status, said = self._answer(request)
        headers = {} if self.date is None else {"date": formatdate(self.date, usegmt=True)}
        return httpx.Response(status, json=said, headers=headers)

    def _answer(self, request: httpx.Request) -> tuple[int, Object]:
        path = request.url.path
        if request.method == "GET":
            if found := self.objects.get(path):
                return 200, found
            if path.rpartition("/")[2] in _PLURALS:
                return 200, {"metadata": {}, "items": self._listed(request)}
            return 404, {**_STATUS, "message": f"{path} not found"}
        self.writes.append((request.method, path))
        if request.method == "DELETE":
            gone = {**_STATUS, "message": "not found"}
            return (200, _STATUS) if self.objects.pop(path, None) else (404, gone)
        content: Object = json.loads(request.read())
        if request.method == "POST":
            path = f"{path}/{content['metadata']['name']}"
            if path in self.objects:
                return 409, {**_STATUS, "message": "already exists"}
        content["metadata"].setdefault("uid", f"uid-{len(self.objects)}")
        content["metadata"].setdefault("namespace", path.split("/namespaces/")[1].split("/")[0])
        self.objects[path] = content
        return 200, content

    def _listed(self, request: httpx.Request) -> list[Object]:
        asked = request.url.params.get("labelSelector", "")
        wanted = dict(each.split("=", 1) for each in asked.split(",") if each)
        return [
            found
            for path, found in self.objects.items()
            if path.startswith(f"{request.url.path}/")
            and wanted.items() <= (found["metadata"].get("labels") or {}).items()
        ]


_STATUS: Object = {"kind": "Status"}
_PLURALS = {each.plural for each in vars(kinds).values() if isinstance(each, Kind)}


def serving(wire: Remembering, namespace: str, clock: Clock | None = None) -> KServing:
    """The predictors of one namespace of such a server, which nobody scales."""
    api, to = wire.api(namespace), Gateway(url="https://models.example")
    clock = clock or SystemClock()
    traffic = RoutedTraffic(
        api,
        namespace,
        to,
        Proxies(api, to, lambda: "key"),
        lambda endpoint: arms(api, namespace, endpoint),
        lambda _: None,
    )
    scaling, log = KedaScaling(api, namespace, None, clock), ObjectSpans(MemoryStore())
    settings = Predictor(image="localhost/predictor:1")
    return KServing(api, namespace, settings, traffic, scaling, log, clock)

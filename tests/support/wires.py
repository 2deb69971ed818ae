"""The wire to an API server as it sometimes is."""

import ssl
from collections.abc import Callable

import httpx

from cluster.access import Access
from cluster.api import Api


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

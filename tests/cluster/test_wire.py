"""What comes over the wire to an API server and is no answer of one, or a half one."""

from collections.abc import Callable, Iterator
from contextlib import closing

import httpx
import pytest

from cluster.api import Api, Missing
from cluster.kinds import LEASE, Object
from components.errors import Unreachable
from tests.support.wires import answering

CALLS: dict[str, Callable[[Api], object]] = {
    "version": lambda api: api.version(),
    "get": lambda api: api.get(LEASE, "demo", "one"),
    "list": lambda api: api.list(LEASE, "demo"),
    "create": lambda api: api.create(LEASE, "demo", LEASE.object({"name": "one"})),
    "replace": lambda api: api.replace(LEASE, "demo", LEASE.object({"name": "one"})),
    "merge": lambda api: api.merge(LEASE, "demo", "one", {"spec": {}}),
    "delete": lambda api: api.delete(LEASE, "demo", "one"),
    "apply": lambda api: api.apply(LEASE, "demo", LEASE.object({"name": "one"})),
}
NO_KIND = "the server could not find the requested resource"


class Torn(httpx.SyncByteStream):
    """A body that ends before its end."""

    def __iter__(self) -> Iterator[bytes]:
        yield b'{"metadata": {'


ANSWERS: dict[str, Callable[[], httpx.Response]] = {
    "page": lambda: httpx.Response(200, html="<h1>Sign in</h1>"),
    "cut off": lambda: httpx.Response(200, stream=Torn()),
    "nothing": lambda: httpx.Response(200),
    "no text": lambda: httpx.Response(200, content=b"\xff\xfe\x00"),
    "no gzip": lambda: httpx.Response(200, headers={"content-encoding": "gzip"}, stream=Torn()),
    "list": lambda: httpx.Response(200, json=[]),
    "null": lambda: httpx.Response(200, json=None),
    "other": lambda: httpx.Response(200, json={"status": "ok"}),
    "404": lambda: httpx.Response(404, html="<h1>default backend - 404</h1>"),
    "half": lambda: httpx.Response(200, json={"metadata": None}),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_what_is_no_answer_of_an_api_server_may_be_asked_again(
    call: Callable[[Api], object], answer: Callable[[], httpx.Response]
) -> None:
    with closing(answering(lambda _: answer())) as api, pytest.raises(Unreachable) as found:
        call(api)
    assert "as an API server does" in str(found.value) or "the API server" in str(found.value)
    assert len(str(found.value).splitlines()) == 1


def page(*names: str, more: str = "") -> httpx.Response:
    items: list[Object] = [{"metadata": {"name": name}} for name in names]
    listed = {"kind": "LeaseList", "metadata": {"continue": more}, "items": items}
    return httpx.Response(200, json=listed)


@pytest.mark.parametrize("expired", [0, 1, 2, 3])
def test_a_list_whose_next_page_is_too_old_is_begun_anew(expired: int) -> None:
    left = expired

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal left
        if "continue" not in request.url.params:
            return page("a", "b", more="next")
        if left:
            left -= 1
            return httpx.Response(410, json={"message": "The provided continue is too old"})
        return page("c")

    with closing(answering(answer)) as api:
        if expired < 3:
            found = api.list(LEASE, "demo")
            assert [each["metadata"]["name"] for each in found] == ["a", "b", "c"]
        else:
            with pytest.raises(Unreachable, match="too old"):
                api.list(LEASE, "demo")


@pytest.mark.parametrize(("said", "found"), [('leases "one" not found', False), (NO_KIND, True)])
def test_whether_there_is_one_of_a_kind_that_is_not_installed_nobody_can_say(
    said: str, found: bool
) -> None:
    answer = httpx.Response(404, json={"kind": "Status", "message": said})
    with closing(answering(lambda _: answer)) as api:
        api.delete(LEASE, "demo", "one")
        if found:
            with pytest.raises(Missing, match="no kind that is installed"):
                api.get(LEASE, "demo", "one")
        else:
            assert api.get(LEASE, "demo", "one") is None

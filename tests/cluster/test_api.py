"""What is asked of an API server: a real one."""

import ssl
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from cluster import api as api_module
from cluster.access.credentials import TokenFile
from cluster.api import Api, Conflict, Invalid, Missing
from cluster.kinds import CONFIG_MAP, HTTP_ROUTE, Kind, Object
from components.errors import PlatformError, Unreachable
from tests.support.wires import losing

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

ACCOUNT = Kind("v1", "ServiceAccount", "serviceaccounts")
EMPTY: Object = {"kind": "ConfigMapList", "metadata": {}, "items": []}


def config(name: str, **data: str) -> Object:
    return CONFIG_MAP.object({"name": name, "labels": {"of": name}}, data=data)


def test_what_was_never_made_is_none(kubernetes: Api, team: str) -> None:
    assert kubernetes.get(CONFIG_MAP, team, "never") is None
    kubernetes.delete(CONFIG_MAP, team, "never")
    with pytest.raises(Missing):
        kubernetes.merge(CONFIG_MAP, team, "never", {"data": {}})
    with pytest.raises(Missing):
        kubernetes.create(Kind("v1", "Nothing", "nothings"), team, config("x"))


def test_a_name_is_taken_once(kubernetes: Api, team: str) -> None:
    kubernetes.create(CONFIG_MAP, team, config("taken", a="1"))
    with pytest.raises(Conflict):
        kubernetes.create(CONFIG_MAP, team, config("taken", a="2"))


def test_whoever_read_something_older_changes_nothing(kubernetes: Api, team: str) -> None:
    first = kubernetes.create(CONFIG_MAP, team, config("swapped", a="1"))
    old = first["metadata"]["resourceVersion"]
    kubernetes.merge(
        CONFIG_MAP, team, "swapped", {"metadata": {"resourceVersion": old}, "data": {"a": "2"}}
    )
    with pytest.raises(Conflict):
        kubernetes.merge(
            CONFIG_MAP, team, "swapped", {"metadata": {"resourceVersion": old}, "data": {"a": "3"}}
        )
    with pytest.raises(Conflict):
        kubernetes.replace(CONFIG_MAP, team, first)
    with pytest.raises(Conflict):
        kubernetes.delete(CONFIG_MAP, team, "swapped", old)
    assert (kubernetes.get(CONFIG_MAP, team, "swapped") or {})["data"] == {"a": "2"}


def test_an_unknown_field_is_refused_by_name(kubernetes: Api, team: str) -> None:
    wrong = config("wrong") | {"dota": {}}
    for write in (kubernetes.create, kubernetes.apply):
        with pytest.raises(Invalid, match="dota"):
            write(CONFIG_MAP, team, wrong)
    route = HTTP_ROUTE.object({"name": "wrong"}, spec={"rules": [{"timeouts": {"request": "x"}}]})
    with pytest.raises(Invalid, match="timeouts"):
        kubernetes.create(HTTP_ROUTE, team, route)


def test_what_is_applied_is_made_or_changed(kubernetes: Api, team: str) -> None:
    for value in ("1", "2"):
        kubernetes.apply(CONFIG_MAP, team, config("applied", **{f"a{value}": value}))
    assert (kubernetes.get(CONFIG_MAP, team, "applied") or {})["data"] == {"a2": "2"}


def test_a_long_list_is_read_to_its_end(
    kubernetes: Api, team: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_module, "_PAGE", 2)
    for n in range(5):
        kubernetes.apply(CONFIG_MAP, team, config(f"listed-{n}"))
        kubernetes.merge(CONFIG_MAP, team, f"listed-{n}", {"metadata": {"labels": {"many": "y"}}})
    found = kubernetes.list(CONFIG_MAP, team, {"many": "y"})
    assert [each["metadata"]["name"] for each in found] == [f"listed-{n}" for n in range(5)]


@pytest.fixture
def nobody(kubernetes: Api, team: str, tmp_path: Path) -> Iterator[Api]:
    """An account that may nothing, whose token is in a file."""
    kubernetes.apply(ACCOUNT, team, ACCOUNT.object({"name": "nobody"}))
    token = tmp_path / "token"
    token.write_text("of yesterday")
    # Who asks shows no certificate, which would be somebody.
    access = replace(
        kubernetes.access,
        auth=TokenFile(token),
        trust=ssl.create_default_context(cadata=_authorities(kubernetes)),
    )
    with closing(Api(access)) as api:
        yield api


def _authorities(api: Api) -> str:
    return "".join(map(ssl.DER_cert_to_PEM_cert, api.access.trust.get_ca_certs(binary_form=True)))


def test_a_token_that_was_replaced_is_the_one_that_counts(
    kubernetes: Api, nobody: Api, team: str
) -> None:
    with pytest.raises(Unreachable, match="log in again"):
        nobody.get(CONFIG_MAP, team, "x")
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    made = kubernetes._ask("POST", f"{ACCOUNT.path(team, 'nobody')}/token", content=asked)
    auth = nobody.access.auth
    assert isinstance(auth, TokenFile)
    auth.path.write_text(made["status"]["token"])
    with pytest.raises(PlatformError, match=r"nobody.*cannot get.*ask for the role"):
        nobody.get(CONFIG_MAP, team, "x")


def test_a_lost_answer_is_unreachable(kubernetes: Api, team: str) -> None:
    api, wire = losing(kubernetes)
    with closing(api):
        wire.answers = 1
        with pytest.raises(Unreachable, match="the answer was lost"):
            api.create(CONFIG_MAP, team, config("lost"))
    assert kubernetes.get(CONFIG_MAP, team, "lost")


def test_what_the_server_puts_off_is_asked_again(kubernetes: Api) -> None:
    asked = []

    def busy(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if len(asked) < 3:
            return httpx.Response(429, headers={"retry-after": "0"})
        return httpx.Response(200, json=EMPTY)

    with closing(Api(kubernetes.access, httpx.MockTransport(busy))) as api:
        assert api.list(CONFIG_MAP, "any") == []
    assert len(asked) == 3


def test_what_is_read_is_the_newest_state_and_no_cache_s(kubernetes: Api) -> None:
    """A read that names a version of its own may be answered from a cache, which may be behind."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json=EMPTY)

    with closing(Api(kubernetes.access, httpx.MockTransport(answer))) as api:
        api.get(CONFIG_MAP, "any", "one")
        api.list(CONFIG_MAP, "any", {"a": "b"})
    assert len(asked) == 2
    assert not [key for each in asked for key in each.url.params if key.startswith("resourceV")]


def test_a_way_apart_has_its_own_time_and_ends_with_the_first(kubernetes: Api) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json=EMPTY)

    with closing(Api(kubernetes.access, httpx.MockTransport(answer))) as api:
        apart = api.apart(15.0)
        for each in (api, apart):
            each.get(CONFIG_MAP, "any", "one")
    waits = [each.extensions["timeout"]["read"] for each in asked]
    assert waits == [30.0, 15.0]
    with pytest.raises(RuntimeError, match="closed"):
        apart.get(CONFIG_MAP, "any", "one")

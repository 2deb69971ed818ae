"""Where users ask, and by which keys."""

import pytest

from components.endpoint import Endpoint
from components.errors import InputError
from components.gateway import PLATFORM_CLIENT
from components.platform import Gateway
from tests.support.rigs import Rig


@pytest.fixture
def gateway(rig: Rig) -> Gateway:
    return rig.platform.gateway


@pytest.fixture
def client(rig: Rig, gateway: Gateway) -> str:
    """A new client with a key."""
    name = rig.name("client")
    gateway.add(name)
    return name


def wait_for_status(rig: Rig, endpoint: Endpoint, key: str, status: int) -> None:
    rig.wait(lambda: rig.ask(endpoint.name, key).status == status, f"an answer {status}", 30)


def test_the_gateway_has_an_address(gateway: Gateway) -> None:
    assert "://" in gateway.url
    assert not gateway.url.endswith("/")


def test_a_new_client_gets_a_key_of_its_own(gateway: Gateway, client: str, rig: Rig) -> None:
    other = rig.name("client")
    with pytest.raises(InputError, match=other):
        gateway.key(other)
    gateway.add(other)
    assert {client, other} <= set(gateway.clients())
    assert gateway.key(client) != gateway.key(other)
    assert min(len(gateway.key(client)), len(gateway.key(other))) >= 32


def test_a_client_that_has_a_key_keeps_it(gateway: Gateway, client: str) -> None:
    key = gateway.key(client)
    with pytest.raises(InputError, match=client):
        gateway.add(client)
    assert gateway.key(client) == key


@pytest.mark.parametrize("name", ["", "a\nb", "a b", "../a", "x" * 1000])
def test_what_cannot_be_a_client_s_name_is_refused(gateway: Gateway, name: str) -> None:
    with pytest.raises(InputError):
        gateway.add(name)
    assert name not in gateway.clients()


def test_a_client_without_a_key_cannot_rotate_it(gateway: Gateway, rig: Rig) -> None:
    name = rig.name("client")
    with pytest.raises(InputError, match=name):
        gateway.rotate(name)
    assert name not in gateway.clients()


def test_whoever_has_no_key_is_refused(rig: Rig, routed: Endpoint) -> None:
    for key in ("", "made up"):
        assert rig.ask(routed.name, key).status == 401


def test_a_key_works_from_the_beginning_to_its_rotation(
    rig: Rig, gateway: Gateway, client: str, routed: Endpoint
) -> None:
    old = gateway.key(client)
    wait_for_status(rig, routed, old, 200)
    gateway.rotate(client)
    new = gateway.key(client)
    assert new != old
    wait_for_status(rig, routed, new, 200)
    wait_for_status(rig, routed, old, 401)
    assert client in gateway.clients()


def test_a_revoked_key_is_refused_and_its_client_may_come_back(
    rig: Rig, gateway: Gateway, client: str, routed: Endpoint
) -> None:
    key = gateway.key(client)
    wait_for_status(rig, routed, key, 200)
    gateway.revoke(client)
    assert client not in gateway.clients()
    with pytest.raises(InputError, match=client):
        gateway.key(client)
    wait_for_status(rig, routed, key, 401)
    assert rig.ask(routed.name).status == 200
    gateway.add(client)
    assert gateway.key(client) != key
    wait_for_status(rig, routed, gateway.key(client), 200)


def test_the_platform_has_a_key_of_its_own_from_the_start(gateway: Gateway) -> None:
    assert gateway.clients()[PLATFORM_CLIENT] == "platform"


def test_a_client_is_an_ordinary_one_unless_it_was_made_another(
    gateway: Gateway, client: str, rig: Rig
) -> None:
    operator = rig.name("operator")
    gateway.add(operator, "operator")
    assert (gateway.clients()[client], gateway.clients()[operator]) == ("client", "operator")
    gateway.rotate(operator)
    assert gateway.clients()[operator] == "operator"
    gateway.revoke(operator)
    gateway.add(operator)
    assert gateway.clients()[operator] == "client"


def test_nobody_is_given_the_platform_s_role(gateway: Gateway, rig: Rig) -> None:
    name = rig.name("client")
    with pytest.raises(InputError, match="choose client or operator"):
        gateway.add(name, "platform")
    assert name not in gateway.clients()


def test_who_may_name_the_version_that_answers(
    rig: Rig, gateway: Gateway, client: str, routed: Endpoint
) -> None:
    operator = rig.name("operator")
    gateway.add(operator, "operator")
    keys = [gateway.key(name) for name in (client, operator, PLATFORM_CLIENT)]
    wait_for_status(rig, routed, keys[1], 200)

    def statuses() -> list[int]:
        return [rig.ask(routed.name, key, pin="2").status for key in keys]

    # An operator's right may come a moment after the split; it has gone before one is in force.
    def opened() -> bool:
        return statuses() == [403, 200, 200]

    rig.wait(opened, "the operator's right to pin", 30)
    rig.split(routed.name, {"1": 90, "2": 10})
    assert statuses() == [403, 403, 200]
    rig.split(routed.name, {"2": 100})
    rig.wait(opened, "the operator's right to pin", 30)
    assert rig.ask(routed.name, keys[2], pin="1").version == "1"

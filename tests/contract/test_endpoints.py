"""The endpoints' files, as the platform knows them."""

import pytest
import yaml

from components.endpoint import Endpoint
from components.errors import InputError
from components.platform import Endpoints
from tests.support.endpoints import endpoint_settings
from tests.support.rigs import Rig


@pytest.fixture
def endpoints(rig: Rig) -> Endpoints:
    return rig.platform.endpoints


@pytest.fixture
def name(rig: Rig) -> str:
    return rig.name("file")


def text(name: str, accuracy: float = 0.5) -> str:
    settings = endpoint_settings(name, evaluation={"accuracy": {"min": accuracy}})
    return yaml.safe_dump(settings)


def minimum(endpoint: Endpoint) -> float:
    return endpoint.evaluation.accuracy.min


def test_an_endpoint_is_unknown_until_its_file_is_applied(endpoints: Endpoints, name: str) -> None:
    with pytest.raises(InputError, match=name):
        endpoints.load(name)
    assert name not in endpoints.names()
    applied = endpoints.apply(text(name), "a.yaml")
    assert applied.name == name
    assert endpoints.load(name) == applied
    assert name in endpoints.names()


def test_the_newest_file_is_the_endpoint_s(endpoints: Endpoints, name: str) -> None:
    endpoints.apply(text(name), "a.yaml")
    endpoints.apply(text(name, 0.7), "a.yaml")
    assert minimum(endpoints.load(name)) == 0.7
    assert endpoints.names().count(name) == 1


@pytest.mark.parametrize(
    "wrong", ["model: [", "unknown: 1\n", "serving: {runtime: none}\n", "x" * 100_000]
)
def test_a_wrong_file_changes_nothing_and_is_named(
    endpoints: Endpoints, name: str, wrong: str
) -> None:
    endpoints.apply(text(name, 0.7), "a.yaml")
    with pytest.raises(InputError, match=r"wrong\.yaml"):
        endpoints.apply(f"{text(name).split('serving')[0]}{wrong}", "wrong.yaml")
    assert minimum(endpoints.load(name)) == 0.7


def test_the_longest_name_is_a_name(endpoints: Endpoints, rig: Rig) -> None:
    name = rig.name("long").ljust(41, "x")
    assert endpoints.apply(text(name), "a.yaml") == endpoints.load(name)
    assert name in endpoints.names()

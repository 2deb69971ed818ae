"""A route that keeps a listener as it is."""

import pytest
import yaml

from cluster import pins, steady
from cluster.keys import Clients
from cluster.limits import limits_object
from cluster.manifests import FOLDER
from cluster.routes import Route
from cluster.settings import Gateway
from cluster.slots import Slot
from components.platform import RouteLimits

TO = Gateway(url="https://models.example")
LIMITS = RouteLimits(50, 30.0)


def test_it_comes_before_any_path_of_an_endpoint() -> None:
    _, _, route, *_ = steady.objects(TO)
    (match,) = route["spec"]["rules"][0]["matches"]
    longest = "x" * 41
    made = pins.pins_object(longest, ["20261126-0a1b2c3d"], LIMITS, pins.OPEN, TO)
    paths = [m["path"]["value"] for rule in made["spec"]["rules"] for m in rule["matches"]]
    assert match["path"]["type"] == "Exact"
    assert max(map(len, paths)) < len(match["path"]["value"]) <= 1024


def test_it_needs_whatever_an_endpoint_s_routes_do() -> None:
    *_, security, traffic = steady.objects(TO)
    for policy in pins.policies(Clients({"sluice": "a"})):
        assert policy["spec"].keys() - {"targetSelectors"} <= security["spec"].keys()
    made = limits_object(Route("demo", (Slot("1", 1_000_000),), LIMITS))
    # Retries are the route's own, and no filter.
    assert made["spec"].keys() - {"targetSelectors", "retry"} <= traffic["spec"].keys()


def test_no_key_opens_it() -> None:
    secret, *_, security, _ = steady.objects(TO)
    assert not secret.keys() & {"data", "stringData"}
    assert security["spec"]["authorization"] == {"defaultAction": "Deny", "rules": []}


@pytest.mark.parametrize("listener", ["http", "https"])
def test_the_listener_takes_routes_of_its_namespace(listener: str) -> None:
    namespace = yaml.safe_load((FOLDER / "base/namespace.yaml").read_text())
    made = yaml.safe_load((FOLDER / f"components/{listener}/gateway.yaml").read_text())
    (chosen,) = made["spec"]["listeners"]
    (wanted,) = chosen["allowedRoutes"]["namespaces"]["selector"]["matchExpressions"]
    assert wanted["operator"] == "In"
    assert namespace["metadata"]["labels"][wanted["key"]] in wanted["values"]

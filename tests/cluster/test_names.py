"""What objects are called."""

import re

import pytest

from cluster import routes
from cluster.inference_services import inference_service
from cluster.marks import marks
from cluster.names import label_value, object_name, predictor_name, said
from cluster.settings import Gateway, Predictor
from cluster.slots import WHOLE, Slot
from components.platform import Lease, RouteLimits, StoredVersion
from tests.support.endpoints import endpoint as make_endpoint

DNS = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
ODD = ["Größe 名前", "a/b/../c", "..", "", "x" * 300, "Case", "case-", "a--0123456789", "-"]


def test_ordinary_names_stay() -> None:
    assert object_name("banking77") == "banking77"
    assert predictor_name("demo", "8") == "demo-v8"
    assert predictor_name("demo", "8-0a1b2c3d-baseline") == "demo-v8-0a1b2c3d-baseline"
    assert label_value("1-baseline") == "1-baseline"


def test_any_name_is_an_object_s_and_no_other_one_s() -> None:
    made = [object_name(name) for name in (*ODD, "Case".lower(), *map(object_name, ODD))]
    assert all(DNS.fullmatch(name) for name in made)
    assert len(set(made)) == len(made)


@pytest.mark.parametrize("endpoint", ["demo", "e" + "x" * 40])
@pytest.mark.parametrize("arm", ["1", "20261126-baseline", "Größe 2/b", "v" * 200])
def test_a_predictor_s_name_fits_into_kserve_s_labels(endpoint: str, arm: str) -> None:
    name = predictor_name(endpoint, arm)
    assert DNS.fullmatch(name)
    assert len(f"isvc.{name}-predictor") <= 63


def test_predictors_of_two_endpoints_are_told_apart() -> None:
    pairs = [("n", "1-v2"), ("n-v1", "2"), ("n", "1"), ("n-v1", "v2"), ("N", "1")]
    assert len({predictor_name(*pair) for pair in pairs}) == len(pairs)


@pytest.mark.parametrize("text", [*ODD, "a.b_c", "x" * 63, "x" * 64])
def test_a_label_s_value_has_its_alphabet_and_length(text: str) -> None:
    assert LABEL.fullmatch(label_value(text))


def test_two_texts_of_one_safe_form_stay_two() -> None:
    texts = ["Fraud model", "fraud model", "fraud_model ", "fraud/model", "fraud-model"]
    texts += [f"{'x' * 200} {n}" for n in range(3)] + ["ann@example.org", "ann-example.org"]
    made = [label_value(text) for text in texts]
    # Not even what somebody calls as another one was shortened.
    made += [label_value(value) for value in made if "--" in value]
    assert len(set(made)) == len(made)


@pytest.mark.parametrize("model", ["Fraud_Model V2", "m" * 200, "ann@example.org", "模型"])
def test_no_label_of_a_release_is_one_that_the_api_server_refuses(model: str) -> None:
    """Of all that a release makes: what people chose stands whole in annotations."""
    found = make_endpoint("fraud", model=model)
    stored = StoredVersion(model, "12", "a" * 64, f"s3://sluice/versions/{'a' * 64}")
    predictor = inference_service(found, stored, "12", Predictor(image="localhost/none:1"))
    route = routes.Route("fraud", (Slot("12", WHOLE),), RouteLimits(5, 1.0))
    lease = Lease("fraud", "rel-fraud-v12-1", "ann@example.org", 60.0, {})
    marked = marks({"12": 100, "Ver sion/8": 0}, lease)
    made = [
        predictor,
        routes.route_object(route, Gateway(url="https://models.example"), marked),
        routes.limits_object(route),
    ]
    values = [*predictor["spec"]["predictor"]["labels"].values()]
    values += [value for each in made for value in each["metadata"]["labels"].values()]
    assert values
    assert [value for value in values if not LABEL.fullmatch(value)] == []
    assert said(predictor, "model") == model

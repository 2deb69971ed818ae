"""What objects are called."""

import re

import pytest

from cluster.names import label_value, object_name, predictor_name

DNS = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
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
    assert re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", label_value(text))

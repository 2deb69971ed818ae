"""What is told, from what is known."""

import pytest

from components.exporter.families import FAMILIES
from components.exporter.gauges import Known, arm_of, page
from components.exporter.released import Released
from components.exporter.sources import Archive, Served

NOTHING = Known(
    now=0.0,
    endpoints={},
    served={},
    archive=Archive({}, None, 0, 0),
    leases={},
    prices=(),
    damaged_leases=0,
    damaged_endpoints=0,
    up={},
)


def release(outcome: str = "") -> Released:
    return Released("r", "e", "2", "1", 0.0, outcome=outcome)


@pytest.mark.parametrize(
    ("version", "weights", "newest", "arm"),
    [
        ("1", {"1": 100}, None, "champion"),
        ("2", {"1": 100}, None, "spare"),
        ("1", {"1": 90, "2": 10}, release(), "champion"),
        ("2", {"1": 90, "2": 10}, release(), "candidate"),
        ("2", {"2": 100}, release(), "candidate"),
        ("1", {"2": 100}, release(), "champion"),
        ("3", {"2": 100}, release(), "spare"),
        ("2", {"2": 100}, release("promoted"), "champion"),
        ("2", {"1": 100}, release("rolled_back"), "spare"),
        ("1-baseline", {"1": 80, "2": 10, "1-baseline": 10}, release(), "baseline"),
    ],
)
def test_a_version_s_part(
    version: str, weights: dict[str, int], newest: Released | None, arm: str
) -> None:
    assert arm_of(version, weights, newest) == arm


def test_every_family_is_declared_even_without_samples() -> None:
    text = page(NOTHING).decode()
    for family in FAMILIES:
        assert f"# HELP {family.name} {family.about}\n" in text
        assert f"# TYPE {family.name} {family.kind}\n" in text


def test_names_of_any_characters_are_escaped() -> None:
    served = Served({'1"\n\\': None}, {})
    known = Known(**(vars(NOTHING) | {"leases": {"e": 1.0}, "served": {"e": served}}))
    assert 'model_version="1\\"\\n\\\\"' in page(known).decode()

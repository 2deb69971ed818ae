"""Who the champion is, and the way to go, from the alias and the route."""

import pytest

from components.registry import ModelVersion
from components.release.steps import _road


def version(number: str, **tags: str) -> ModelVersion:
    return ModelVersion(model="m", version=number, run_id="r", model_id="", tags=tags)


@pytest.mark.parametrize(
    ("alias", "routed", "expected"),
    [
        (None, {}, (None, "first")),
        ("1", {}, ("1", "canary")),
        ("1", {"1": 100}, ("1", "canary")),
        ("2", {"2": 100}, ("2", "unchanged")),
        # Promoted on another endpoint of the same model: this one has never tested it.
        ("2", {}, (None, "first")),
        # The alias was moved by hand, or by another endpoint: users here get version 1.
        ("2", {"1": 100}, ("1", "canary")),
        ("3", {"2": 100}, ("2", "unchanged")),
        (None, {"1": 100}, ("1", "canary")),
        # A split that nobody watches any more.
        ("1", {"1": 90, "2": 10}, ("1", "canary")),
        ("3", {"1": 90, "2": 10}, ("1", "canary")),
    ],
)
def test_the_route_decides_who_the_champion_is(
    alias: str | None, routed: dict[str, int], expected: tuple[str | None, str]
) -> None:
    assert _road(version("2"), alias, routed) == expected


def test_a_version_that_was_released_before_says_so() -> None:
    again = version("2", **{"sluice.release": "earlier"})
    assert _road(again, "1", {"1": 100}) == ("1", "re-release")

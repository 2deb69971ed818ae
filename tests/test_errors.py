"""What pydantic found, in one line."""

import pytest
from pydantic import ValidationError

from components.endpoint import Release
from components.errors import describe, faults, first_fault


def refused(**fields: object) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        Release.model_validate(fields)
    return caught.value


def test_a_fault_is_a_key_and_what_was_expected() -> None:
    assert first_fault(refused(judge={"error_rate": 2})) == (
        "judge.error_rate: Input should be less than 0.5"
    )
    assert first_fault(refused(watches="30m")) == "watches: unknown key"


def test_a_fault_of_the_whole_names_no_key() -> None:
    assert first_fault(refused(lease="3s", poll="2s")).startswith(
        "lease must be at least three polls"
    )


def test_every_fault_is_told() -> None:
    found = faults(refused(watches="30m", judge={"error_rate": 2}))
    assert [describe(*fault).split(":")[0] for fault in found] == ["judge.error_rate", "watches"]


def test_what_somebody_wrote_is_quoted_in_bounded_length() -> None:
    assert len(describe(("a", "k" * 5000), "'" + "x" * 50_000 + "' is no duration")) < 1100

"""What a strict model refuses whatever its fields say."""

import pytest
from pydantic import ValidationError

from components.models import Strict


class Unbounded(Strict):
    """A number of any size."""

    number: float = 0.0


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan"), "Infinity"])
def test_a_number_that_is_none_is_refused(number: object) -> None:
    assert Unbounded.model_validate({"number": 1e300}).number == 1e300
    with pytest.raises(ValidationError, match="finite number"):
        Unbounded.model_validate({"number": number})


def test_a_field_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Unbounded.model_validate({"nmuber": 1.0})

"""What no platform asks its gateway for."""

import pytest

from components.errors import PlatformError
from components.platform import RouteLimits
from components.platform.refusals import refuse_impossible_limits


@pytest.mark.parametrize(("rate", "seconds"), [(0, 1.0), (2**31, 1.0), (1, 0.0), (1, 90_000.0)])
def test_limits_that_no_gateway_takes_are_refused(rate: int, seconds: float) -> None:
    with pytest.raises(PlatformError, match="demo"):
        refuse_impossible_limits("demo", RouteLimits(rate, seconds))

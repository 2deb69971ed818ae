from hypothesis import given
from hypothesis import strategies as st

from components.quantiles import nearest_rank


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.floats(0.01, 1))
def test_a_quantile_is_the_smallest_value_that_covers_its_share(
    values: list[float], share: float
) -> None:
    found = nearest_rank(values, share)
    assert found is not None
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
    assert sum(value < found for value in values) < share * len(values)


def test_no_value_has_no_quantile() -> None:
    assert nearest_rank([], 0.5) is None

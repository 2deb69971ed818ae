"""What a predictor takes of its node's disk."""

import pytest

from cluster.disk import disk
from components.quantity import amount
from tests.support.present import present

GIB = 2**30


@pytest.mark.parametrize("size", [1, 10 * 2**20 + 1, 40 * GIB])
@pytest.mark.parametrize("memory", ["512Mi", "64Gi"])
def test_both_copies_fit_into_what_is_asked_for_and_all_that_may_be_written_below_the_limit(
    size: int, memory: str
) -> None:
    given = present(disk(size, memory))
    assert amount(given.files) > size
    assert amount(given.scratch) > size + amount(memory)
    assert 2 * size < amount(given.request) <= amount(given.limit)
    assert amount(given.limit) > amount(given.files) + amount(given.scratch)


def test_of_a_size_that_nobody_knows_nothing_is_said() -> None:
    assert disk(0, "2Gi") is None

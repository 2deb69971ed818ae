"""One lease per endpoint, changed by compare-and-swap only."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from components.errors import InputError
from components.platform import Lease, Leases
from tests.support.rigs import Rig

NAMES = ["Größe 名前", "a/b/../c", "..", "%2F", "x" * 300, "Case", "case"]


@pytest.fixture
def leases(rig: Rig) -> Leases:
    return rig.platform.leases


@pytest.fixture
def lease(rig: Rig) -> Iterator[Lease]:
    """A lease that nobody has taken, of an endpoint of its own."""
    endpoint = rig.name("lease")
    yield Lease(endpoint, f"{endpoint}-v2", "process 1 on here", 120.0, {"1": 100}, renewals=3)
    rig.remove_lease(endpoint)


def take(leases: Leases, lease: Lease, expected: str | None = None) -> str:
    token = leases.swap(lease.endpoint, expected, lease)
    assert token is not None
    return token


def together(*calls: "threading.Thread") -> None:
    for each in calls:
        each.start()
    for each in calls:
        each.join()


def swap_by_8(leases: Leases, lease: Lease, expected: str | None) -> list[tuple[str, str]]:
    """Eight writers at once; holder and token of those who were told that they won."""
    barrier = threading.Barrier(8)
    won: list[tuple[str, str]] = []

    def write(holder: str) -> None:
        barrier.wait()
        token = leases.swap(lease.endpoint, expected, replace(lease, holder=holder))
        if token is not None:
            won.append((holder, token))

    together(*(threading.Thread(target=write, args=(f"writer {n}",)) for n in range(8)))
    return won


def test_an_endpoint_begins_without_a_lease(leases: Leases, lease: Lease) -> None:
    assert leases.read(lease.endpoint) is None
    assert lease.endpoint not in leases.endpoints()


def test_what_is_read_is_what_was_written_with_the_token_that_was_given(
    leases: Leases, lease: Lease
) -> None:
    token = take(leases, lease)
    assert leases.read(lease.endpoint) == replace(lease, token=token)
    returned = replace(lease, renewals=4, returned="the holder was silent", restore={})
    second = take(leases, returned, token)
    assert leases.read(lease.endpoint) == replace(returned, token=second)


def test_the_store_gives_the_token_and_ignores_the_writer_s_own(
    leases: Leases, lease: Lease
) -> None:
    first = take(leases, lease)
    second = take(leases, replace(lease, token=first), first)
    assert second != first
    assert leases.read(lease.endpoint) == replace(lease, token=second)


@pytest.mark.parametrize("expected", [None, "", "another"])
def test_whoever_expects_something_else_changes_nothing(
    leases: Leases, lease: Lease, expected: str | None
) -> None:
    token = take(leases, lease)
    for new in (replace(lease, holder="late"), None):
        assert leases.swap(lease.endpoint, expected, new) is None
        assert leases.read(lease.endpoint) == replace(lease, token=token)


def test_whoever_expects_a_lease_where_none_is_makes_none(leases: Leases, lease: Lease) -> None:
    assert leases.swap(lease.endpoint, "another", lease) is None
    assert leases.read(lease.endpoint) is None


def test_a_token_is_good_for_one_change(leases: Leases, lease: Lease) -> None:
    first = take(leases, lease)
    second = take(leases, replace(lease, renewals=4), first)
    assert second != first
    assert leases.swap(lease.endpoint, first, lease) is None


def test_of_8_who_take_a_free_lease_one_wins(leases: Leases, lease: Lease) -> None:
    [(holder, token)] = swap_by_8(leases, lease, None)
    assert leases.read(lease.endpoint) == replace(lease, holder=holder, token=token)


def test_of_8_who_take_a_lease_over_one_wins(leases: Leases, lease: Lease) -> None:
    [(holder, token)] = swap_by_8(leases, lease, take(leases, lease))
    assert leases.read(lease.endpoint) == replace(lease, holder=holder, token=token)


def test_a_lease_that_is_given_back_is_gone(leases: Leases, lease: Lease) -> None:
    token = take(leases, lease)
    assert leases.swap(lease.endpoint, token, None) is not None
    assert leases.read(lease.endpoint) is None
    assert lease.endpoint not in leases.endpoints()


def test_tokens_outlive_their_leases_so_a_stale_holder_matches_no_later_one(
    leases: Leases, lease: Lease
) -> None:
    given = []
    for _ in range(4):
        given.append(take(leases, lease))
        given.append(str(leases.swap(lease.endpoint, given[-1], None)))
    last = take(leases, lease)
    assert len({*given, last}) == len(given) + 1
    for stale in given:
        assert leases.swap(lease.endpoint, stale, None) is None
    assert leases.read(lease.endpoint) == replace(lease, token=last)


def test_leases_of_two_endpoints_know_nothing_of_each_other(
    leases: Leases, lease: Lease, rig: Rig
) -> None:
    other = replace(lease, endpoint=rig.name("lease"))
    token = take(leases, lease)
    take(leases, other)
    assert {lease.endpoint, other.endpoint} <= set(leases.endpoints())
    assert leases.swap(other.endpoint, token, None) is None
    assert leases.swap(lease.endpoint, token, None) is not None
    rig.remove_lease(other.endpoint)


def test_names_of_any_alphabet_and_length_are_told_apart(leases: Leases, lease: Lease) -> None:
    tokens = {name: take(leases, replace(lease, endpoint=name)) for name in NAMES}
    try:
        assert set(NAMES) <= set(leases.endpoints())
        for name, token in tokens.items():
            assert leases.read(name) == replace(lease, endpoint=name, token=token)
    finally:
        gone = [leases.swap(name, token, None) for name, token in tokens.items()]
    assert None not in gone
    assert not set(NAMES) & set(leases.endpoints())


def test_a_damaged_lease_is_an_error_to_its_reader_and_is_listed(
    leases: Leases, lease: Lease, rig: Rig
) -> None:
    take(leases, lease)
    rig.damage_lease(lease.endpoint)
    with pytest.raises(InputError, match=lease.endpoint):
        leases.read(lease.endpoint)
    assert lease.endpoint in leases.endpoints()


def test_what_is_kept_for_the_way_back_is_given_up_once(leases: Leases, lease: Lease) -> None:
    token = take(leases, lease)
    leases.make_room()
    assert not leases.make_room()
    assert leases.swap(lease.endpoint, token, replace(lease, returned="why"))


def test_a_lease_s_age_is_the_store_s_to_say_and_begins_again_with_each_change(
    leases: Leases, lease: Lease, rig: Rig
) -> None:
    assert leases.age(lease.endpoint) is None
    token = take(leases, lease)
    age = leases.age(lease.endpoint)
    if age is None:
        return  # a store that does not say it
    assert 0 <= age < 60
    rig.wait(lambda: (leases.age(lease.endpoint) or 0) >= 2, "an age of two seconds")
    take(leases, replace(lease, renewals=4), token)
    assert (leases.age(lease.endpoint) or 0) < 2

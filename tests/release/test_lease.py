"""The lease: one release an endpoint, compare-and-swap, and what a stale holder may not do."""

import threading
import time
from pathlib import Path

import pytest

from components.errors import LeaseHeld
from components.release.lease import ENGINE, acquire, heartbeat, overtaken_by
from local.home import Home
from local.leases import FileLeases
from tests.support.waiting import wait_until


@pytest.fixture
def leases(tmp_path: Path) -> FileLeases:
    home = Home(tmp_path)
    home.make()
    return FileLeases(home)


def test_a_second_release_is_refused_and_told_who_holds_it(leases: FileLeases) -> None:
    acquire(leases, "e", "r1", 60)
    with pytest.raises(LeaseHeld, match=r"held by release r1 \(process \d+ on .*\), for another"):
        acquire(leases, "e", "r2", 60)


def test_another_endpoint_is_free(leases: FileLeases) -> None:
    acquire(leases, "e", "r1", 60)
    acquire(leases, "f", "r2", 60)
    assert {lease.release_id for lease in leases.all()} == {"r1", "r2"}


def test_the_next_step_of_the_same_release_takes_over_and_the_older_one_stops(
    leases: FileLeases,
) -> None:
    older = acquire(leases, "e", "r1", 60)
    newer = acquire(leases, "e", "r1", 60)
    with pytest.raises(LeaseHeld, match="this one stops"):
        older.renew()
    newer.renew()


def test_a_renewal_moves_the_deadline(leases: FileLeases) -> None:
    hold = acquire(leases, "e", "r1", 60)
    first = leases.read("e")
    hold.renew()
    second = leases.read("e")
    assert first
    assert second
    assert second.deadline > first.deadline
    assert second.token > first.token


def test_a_released_lease_is_free_and_its_old_token_is_dead(leases: FileLeases) -> None:
    hold = acquire(leases, "e", "r1", 60)
    hold.release()
    assert leases.read("e") is None
    acquire(leases, "e", "r2", 60)
    with pytest.raises(LeaseHeld):
        hold.renew()
    hold.release()
    lease = leases.read("e")
    assert lease
    assert lease.release_id == "r2"


def test_an_expired_lease_is_the_reaper_s_not_another_release_s(leases: FileLeases) -> None:
    acquire(leases, "e", "r1", -1)
    with pytest.raises(LeaseHeld, match="expired: the reaper ends it soon"):
        acquire(leases, "e", "r2", 60)


def test_a_heartbeat_keeps_the_lease_and_notices_its_loss(leases: FileLeases) -> None:
    hold = acquire(leases, "e", "r1", 60)
    first = leases.read("e")
    assert first
    with heartbeat(hold, 0.01):
        wait_until(lambda: leases.read("e") != first, 10)
    lost = heartbeat(hold, 0.01)
    lost.__enter__()
    newer = acquire(leases, "e", "r1", 60)
    wait_until(lambda: not _beating(), 10)
    newer.renew()
    with pytest.raises(LeaseHeld, match="taken over"):
        lost.__exit__(None, None, None)


def _beating() -> bool:
    """The heartbeat's thread ends when it has noticed that the lease is lost."""
    return any(thread.name == "lease-heartbeat" for thread in threading.enumerate())


def test_an_engine_knows_that_another_run_has_its_release(
    leases: FileLeases, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken() -> str | None:
        return overtaken_by(leases.read("e"), "r1", time.time())

    monkeypatch.setenv(ENGINE, "process 1 on a")
    mine = acquire(leases, "e", "r1", 60)
    assert overtaken() is None
    monkeypatch.setenv(ENGINE, "process 2 on a")
    assert overtaken() == "process 1 on a"
    mine.release()
    assert overtaken() is None
    acquire(leases, "e", "r1", -1)
    monkeypatch.setenv(ENGINE, "process 3 on a")
    assert overtaken() is None, "a lease that has run out keeps nobody away"
    monkeypatch.delenv(ENGINE)
    acquire(leases, "e", "r1", 60)
    assert overtaken() is None, "the reaper and operators are no engine"

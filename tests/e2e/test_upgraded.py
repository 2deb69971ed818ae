"""Sluice is upgraded, and downgraded, while a canary has its share: another tree's steps go on.

The platform's servers, and its reaper, are today's. The steps are processes of either tree, as two
images of an upgrade's would be.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from components import record
from components.platform import Platform
from components.record import SCHEMA, Ended, Unknown, of
from components.registry import Registry
from tests.support.earlier import SCHEMA_3, TODAY, Tree, unpacked
from tests.support.releases import MODEL, QUICK_JUDGE, Recorded, Users, released_under_users
from tests.support.waiting import wait_until

pytestmark = pytest.mark.long

NAME, ENGINE = "upgraded", "a run"
LEASE_S = 30.0
TWINS = ("2", "4")
"""Versions of the same graph: either may replace the other without a regression."""


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    return unpacked(SCHEMA_3, tmp_path_factory.mktemp("earlier"))


@pytest.fixture(scope="module")
def asked(
    prepared: Platform, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Users]:
    with released_under_users(
        registry,
        tmp_path_factory.mktemp(NAME),
        NAME,
        TWINS[0],
        steps=[50, 100],
        watch="3s",
        lease=f"{LEASE_S:g}s",
        judge=QUICK_JUDGE,
    ) as (_, seen):
        yield seen


def step(tree: Tree, name: str, release_id: str, **flags: str) -> dict[str, str]:
    """Run a step of a tree; what it puts out, or how it failed."""
    given = [f"--{key}={value}" for key, value in {"release-id": release_id, **flags}.items()]
    done = tree.run("components", name, *given, SLUICE_ENGINE=ENGINE)
    if done.returncode:
        return {"failed": done.stderr}
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


def begin(tree: Tree, release_id: str, version: str) -> None:
    """The steps of a tree until the candidate has its first share."""
    for name, flags in (
        ("fetch", {"endpoint": NAME, "version": version}),
        ("evaluate", {}),
        ("deploy", {}),
        ("shift", {"stage": "1"}),
    ):
        found = step(tree, name, release_id, **flags)
        assert "failed" not in found, found["failed"]


def other(registry: Registry) -> str:
    champion = registry.alias(MODEL, "champion")
    return next(each for each in TWINS if each != champion)


def all_answered(asked: Users, since: float) -> None:
    """No user saw anything of it."""
    found = Counter(each.status for each in asked.answers(since))
    assert set(found) == {200}, found


def test_today_s_sluice_ends_what_an_earlier_one_began(
    earlier: Tree, asked: Users, prepared: Platform, registry: Registry, tmp_path: Path
) -> None:
    began, version = prepared.clock.time(), other(registry)
    log = Recorded(prepared, f"rel-{NAME}-earlier-{version}")
    begin(earlier, log.release_id, version)
    assert record.opened(log.lines()).schema == 3
    assert step(TODAY, "watch", log.release_id, stage="1")["verdict"] == "PROMOTE"
    assert step(TODAY, "promote", log.release_id)["outcome"] == "promoted"
    assert step(TODAY, "finalize", log.release_id)["outcome"] == "promoted"
    assert prepared.traffic.weights(NAME) == {version: 100}
    assert of(log.lines(), Unknown) == []
    all_answered(asked, began)
    path = tmp_path / "record.jsonl"
    path.write_bytes(b"".join(prepared.records.read(log.release_id, 0)))
    for tree in (TODAY, earlier):
        for words in (("replay", str(path)), ("show", str(path), "--json")):
            done = tree.run("cli", *words)
            assert done.returncode == 0, done.stdout + done.stderr


def test_an_earlier_sluice_goes_on_with_nothing_of_today_s_and_production_gets_all(
    earlier: Tree, asked: Users, prepared: Platform, registry: Registry
) -> None:
    began, version = prepared.clock.time(), other(registry)
    champion = str(registry.alias(MODEL, "champion"))
    log = Recorded(prepared, f"rel-{NAME}-today-{version}")
    begin(TODAY, log.release_id, version)
    assert prepared.traffic.weights(NAME) == {champion: 50, version: 50}
    written = len(log.lines())
    for name, flags in (("watch", {"stage": "1"}), ("promote", {}), ("finalize", {})):
        said = step(earlier, name, log.release_id, **flags)
        assert f"recorded in schema {SCHEMA}" in said["failed"]
    wait_until(lambda: bool(of(log.lines(), Ended)), LEASE_S + 60, "the reaper's work")
    assert prepared.traffic.weights(NAME) == {champion: 100}
    wait_until(lambda: prepared.leases.read(NAME) is None, 30, "the lease back")
    assert log.state().outcome == "error"
    assert len(log.lines()) > written
    all_answered(asked, began)

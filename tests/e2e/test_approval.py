"""Releases that wait for a person, or ask copies first, with real servers and the real engine."""

import getpass
import html
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from components.arms import shadow_of
from components.platform import Platform
from components.record import Decided, MirrorSet, Noted, Shadowed, WeightsSet, of
from components.registry import Registry
from components.release.standing import EXPIRED
from tests.support.releases import (
    MODEL,
    QUICK_JUDGE,
    Users,
    newest,
    released_file,
    released_under_users,
    sluice,
    started,
)
from tests.support.waiting import wait_until

NAME = "approved"
CANARY = "asks"
QUICK: dict[str, Any] = {
    "steps": [50, 100],
    "watch": "2s",
    "judge": QUICK_JUDGE,
}


@pytest.fixture(scope="module")
def asked(
    prepared: Platform, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Users]:
    """The users of an endpoint whose version 1 is in production."""
    folder = tmp_path_factory.mktemp(CANARY)
    with released_under_users(registry, folder, CANARY, "1", **QUICK) as (_, users):
        yield users


@contextmanager
def begun(
    platform: Platform, endpoint: str, path: Path, *flags: str
) -> Iterator["subprocess.Popen[str]"]:
    """`sluice release` of version 2, once its promotion is held for approval."""
    with started("release", str(path), "--version", "2", *flags) as process:

        def waits() -> bool:
            assert process.poll() is None
            lease = platform.leases.read(endpoint)
            return lease is not None and lease.waits.startswith("it waits for approval")

        wait_until(waits, 120, "a step that is held")
        yield process


def test_a_release_waits_until_the_user_of_the_system_approves(
    prepared: Platform, registry: Registry, tmp_path: Path
) -> None:
    path = released_file(tmp_path, NAME, steps=[100], approval="required")
    registry.delete_alias(MODEL, "champion")
    prepared.traffic.set_weights(NAME, {})
    with begun(prepared, NAME, path, "--json") as process:
        assert prepared.traffic.weights(NAME) == {}
        (seen,) = [
            each
            for each in json.loads(sluice("status", "--json").stdout)["releases"]
            if each["endpoint"] == NAME
        ]
        assert seen["waits"].startswith("it waits for approval")
        done = sluice("approve", str(path), "--reason", "seen by two", "--json")
        assert json.loads(done.stdout)["by"] == getpass.getuser()
        out, _ = process.communicate(timeout=60)
    assert json.loads(out)["outcome"] == "promoted"
    assert process.returncode == 0
    (decided,) = of(newest(prepared, NAME).lines(), Decided)
    assert (decided.says, decided.by, decided.reason) == (
        "approve",
        getpass.getuser(),
        "seen by two",
    )
    assert prepared.traffic.weights(NAME) == {"2": 100}


def test_a_rejection_gives_the_traffic_back_and_is_seen_with_its_name_everywhere(
    prepared: Platform, registry: Registry, asked: Users, tmp_path: Path
) -> None:
    path = released_file(tmp_path, CANARY, approval="required", **QUICK)
    with begun(prepared, CANARY, path) as process:
        assert prepared.traffic.weights(CANARY) == {"1": 50, "2": 50}
        done = sluice("reject", CANARY, "--reason", "wrong labels")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "in force: version 1 100%" in done.stdout
        assert prepared.traffic.weights(CANARY) == {"1": 100}
        followed, _ = process.communicate(timeout=60)
    assert process.returncode == 3, followed
    release, said = newest(prepared, CANARY), f"rejected by {getpass.getuser()}: wrong labels"
    assert (release.state().outcome, release.state().reason) == ("rolled_back", said)
    assert "the step to 100% is held: it waits for approval" in followed
    shown = sluice("show", release.release_id).stdout
    page = tmp_path / "page.html"
    assert sluice("report", release.release_id, "--out", str(page)).returncode == 0
    for text in (followed, " ".join(shown.split()), html.unescape(page.read_text())):
        assert said in text
    assert failed(asked, release.lines()[0].at) == []
    assert registry.alias(MODEL, "champion") == "1"


@pytest.mark.long  # No file may say less than a minute.
def test_time_alone_promotes_nobody(
    prepared: Platform, registry: Registry, asked: Users, tmp_path: Path
) -> None:
    more = {"approval": "required", "approval_within": "1m"}
    path = released_file(tmp_path, CANARY, **(QUICK | more))
    with begun(prepared, CANARY, path, "--json") as process:
        out, _ = process.communicate(timeout=150)
    said = "nobody approved it within 1 min"
    found = json.loads(out)
    assert (process.returncode, found["outcome"], found["reason"]) == (4, "held", said)
    release = newest(prepared, CANARY)
    assert [each.detail for each in of(release.lines(), Noted) if each.event == EXPIRED] == [said]
    late = sluice("approve", release.release_id)
    assert late.returncode == 1
    assert f"has ended: held: {said}" in late.stderr
    assert prepared.traffic.weights(CANARY) == {"1": 100}
    assert failed(asked, release.lines()[0].at) == []
    assert registry.alias(MODEL, "champion") == "1"


def test_a_shadow_comes_before_the_first_share_and_no_user_meets_it(
    prepared: Platform, registry: Registry, asked: Users, tmp_path: Path
) -> None:
    path = released_file(tmp_path, CANARY, shadow={"watch": "3s", "percent": 100}, **QUICK)
    done = sluice("release", str(path), "--version", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    release = newest(prepared, CANARY)
    lines = release.lines()
    (mirror,) = of(lines, MirrorSet)
    assert (mirror.version, mirror.percent) == ("2", 100)
    begins, share = (
        next(line.at for line in lines if isinstance(line.body, kind))
        for kind in (MirrorSet, WeightsSet)
    )
    shadowed = of(lines, Shadowed)
    assert shadowed[-1].verdict.decision == "PROMOTE"
    copies = shadowed[-1].poll.sources[shadow_of("2")].values()
    assert sum(each.requests for each in copies if each) >= QUICK_JUDGE["min_requests"]
    # The split is in force a moment before the record has it.
    assert {each.version for each in asked.answers(begins, share - 1)} == {"1"}
    assert failed(asked, lines[0].at) == []
    assert registry.alias(MODEL, "champion") == "2"
    assert "copies all requests to version 2, whose answers nobody gets" in done.stdout
    assert "shadow  PROMOTE" in done.stdout
    page = tmp_path / "page.html"
    assert sluice("report", release.release_id, "--out", str(page)).returncode == 0
    assert '<section id="shadow">' in page.read_text()
    assert "\nShadow\n" in sluice("show", release.release_id).stdout


def failed(asked: Users, since: float) -> list[int]:
    """The statuses of users' requests that failed since then."""
    return [each.status for each in asked.answers(since) if each.status != 200]

"""The bill of real servers: what the platform wrote down, and what its gateway counted."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from components.cost import statement
from components.cost.bill import MICRO
from components.disk import read_json, replace_json
from local.home import Home
from tests.support.bills import HOURLY, MACHINE, priced
from tests.support.releases import sluice
from tests.support.stands import Stand
from tests.support.waiting import wait_until


def test_a_bill_adds_up_to_the_provisioned_time_and_serves_what_the_client_got(
    stand_for: Callable[..., Stand], home: Home
) -> None:
    stand = stand_for("billed")
    platform, name = stand.platform, stand.endpoint.name
    for version in ("1", "2"):
        file = home.serving / f"{name}-v{version}.json"
        replace_json(file, {**read_json(file), "price": MACHINE})
    platform.serving.note()
    started = platform.clock.time()
    stand.split({"1": 60, "2": 40})
    log: Counter[tuple[str, int]] = Counter()
    for number in range(300):
        status = (200, 200, 200, 503, 422)[number % 5]
        answer = stand.client.post(stand.path, headers={"x-test-status": str(status)})
        log[answer.headers["x-model-version"], answer.status_code] += 1
    assert min(log[version, status] for version in ("1", "2") for status in (200, 503, 422)) > 0

    def billed() -> statement.Statement:
        now = platform.clock.time()
        return statement.make(
            platform, priced(retrieved=datetime.now(UTC).date()), (started, now), name
        )

    def counted() -> Counter[tuple[str, int]]:
        found: Counter[tuple[str, int]] = Counter()
        for line in billed().total.lines:
            used = line.usage
            for status, count in ((200, used.served), (503, used.failed), (422, used.refused)):
                found[line.version, status] = round(count)
        return found

    wait_until(lambda: counted() == log, 10, "the last scrape")
    bill = billed()
    # The reaper may have seen them before they had a price.
    spans = [span for span in platform.serving.spans(name) if span.price]
    assert [(span.version, span.price, span.end) for span in spans] == [
        *(("1", MACHINE, None), ("2", MACHINE, None)),
    ]
    assert max(span.start for span in spans) <= started
    seconds = len(spans) * (bill.end - started)
    assert bill.total.seconds == pytest.approx(seconds, rel=1e-3)
    # Each line is rounded to a millionth, which is more than 0.1% of some seconds.
    expected = MICRO * HOURLY * seconds / 3600
    assert bill.total.amount == pytest.approx(expected, rel=1e-3, abs=len(spans))
    assert sum(line.amount for line in bill.total.lines) == bill.total.amount


def test_the_command_says_it_in_80_columns_as_json_and_as_a_page(
    stand_for: Callable[..., Stand], home: Home
) -> None:
    stand = stand_for("told")
    stand.platform.serving.note()
    out = home.path / "cost.html"
    done = sluice("cost", "told", "--from", "1h", "--out", str(out), "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["endpoints"][0]["endpoint"], said["report"]) == ("told", str(out))
    assert "Endpoint told" in out.read_text(encoding="utf-8")
    shown = sluice("cost")
    assert shown.returncode == 0, shown.stderr
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert "Endpoint told" in shown.stdout
    refused = sluice("cost", "nobody")
    assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1)
    assert "no predictor of nobody was there" in refused.stderr

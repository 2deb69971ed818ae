"""A Prometheus whose rules leave nothing to judge by: no release gives anybody to a candidate."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from cluster.kinds import Object
from components.errors import Unreachable
from components.record import WeightsSet, of
from tests.support.observed import settings_of_prometheus
from tests.support.road import Place, Road, released
from tests.support.scenes import proxies_of
from tests.support.users import asking
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(900)]

RPS = 10
IN_FORCE_S = 60.0
"""From a Prometheus that is ready until it has read every proxy."""
AGE_S = 5.0
RELEASE: dict[str, Any] = {
    "steps": [50, 100],
    "watch": "40s",
    "poll": "2s",
    "lease": "60s",
    # Predictors share two cores: no latency decides here.
    "judge": {"method": "threshold", "min_requests": 100, "p95_ratio": 10, "error_rate": 0.1},
}


@pytest.fixture(scope="module")
def team(place: Place) -> Iterator[Road]:
    """An endpoint whose version 1 was released, and stays the champion."""
    with released(*place, "rules", **RELEASE) as made:
        yield made


def drops_instance(job: Object) -> None:
    """Take away what tells two proxies apart."""
    job["metric_relabel_configs"].append({"regex": "instance", "action": "labeldrop"})


def drops_code(job: Object) -> None:
    """Take away what tells an answer that failed from another."""
    job["metric_relabel_configs"].append({"regex": "code", "action": "labeldrop"})


def limits_labels(job: Object) -> None:
    """Refuse whatever has more labels than these."""
    job["label_limit"] = 2


@contextmanager
def scraped(team: Road, change: Callable[[Object], None], said: str) -> Iterator[None]:
    """The gateway is scraped by other rules while the block runs, which makes it unfit."""

    def change_job(settings: Object) -> None:
        (job,) = [each for each in settings["scrape_configs"] if each["job_name"] == "gateway"]
        change(job)

    with settings_of_prometheus(team.api, change_job):
        wait_until(lambda: said in (unfit(team) or ""), IN_FORCE_S, said)
        yield
    wait_until(lambda: is_fit(team), IN_FORCE_S, "counters that can be told apart")


def unfit(team: Road) -> str | None:
    """Why nothing is to be judged by its counters; None where nobody can be asked."""
    with suppress(Unreachable):
        return team.platform.metrics.unfit()
    return None


def is_fit(team: Road) -> bool:
    """Whether each of two proxies has counters of the champion again."""
    with suppress(Unreachable):
        read = team.platform.metrics.sample(team.endpoint, ["1"], AGE_S).versions["1"]
        return unfit(team) == "" and len(read) >= 2 and None not in read.values()
    return False


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (drops_instance, "Prometheus drops the label 'instance'"),
        (drops_code, "Prometheus drops the label 'code'"),
        (limits_labels, "label_limit exceeded"),
    ],
)
def test_counters_that_are_nothing_to_judge_by_end_a_release_before_any_share(
    team: Road, change: Callable[[Object], None], said: str
) -> None:
    key = team.platform.gateway.key("demo")
    users = asking(team.platform, team.endpoint, key, RPS)
    # A label of requests is missed where there are some.
    with proxies_of(team.api, 2), users as asked, scraped(team, change, said):
        with team.begun("2") as release:
            assert team.ended(release) == "error"
        assert said in release.state().reason
    assert not [each for each in of(release.lines(), WeightsSet) if each.weights.get("2")]
    assert Counter(each.status for each in asked) == {200: len(asked)}
    assert asked
    assert team.platform.traffic.weights(team.endpoint) == {"1": 100}
    assert team.platform.registry.alias(team.endpoint, "champion") == "1"

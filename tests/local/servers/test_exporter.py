"""The exporter beside the real servers: what Prometheus has of it."""

from collections.abc import Callable

import httpx
import pytest

from components.platform import Platform
from components.record import SCHEMA, Ended, Noted, Opened, Record
from local.home import Home
from local.servers import ports, prometheus_server
from tests.support.stands import Stand
from tests.support.waiting import wait_until


@pytest.fixture
def told(home: Home) -> Callable[[str], dict[str, float]]:
    """What Prometheus answers, by version."""
    url = f"{prometheus_server.url(ports.kept(home))}/api/v1/query"

    def ask(query: str) -> dict[str, float]:
        answer = httpx.get(url, params={"query": query}, trust_env=False).json()
        return {
            one["metric"].get("model_version", ""): float(one["value"][1])
            for one in answer["data"]["result"]
        }

    return ask


def test_prometheus_has_a_release_from_its_beginning_to_its_end(
    stand_for: Callable[..., Stand], platform: Platform, told: Callable[[str], dict[str, float]]
) -> None:
    stand = stand_for("told")
    stand.split({"1": 90, "2": 10})
    head = Opened(
        schema=SCHEMA,
        release_id="told-v2",
        endpoint="told",
        model="m",
        candidate="2",
        champion="1",
    )
    record = Record(platform.records, "told-v2", platform.clock)
    record.append(head)
    here = 'namespace="local",endpoint="told"'
    weight = f"sluice_release_weight_percent{{{here}}}"
    wait_until(lambda: told(weight) == {"1": 90, "2": 10})
    assert told(f'sluice_version_info{{{here},arm="candidate"}}') == {"2": 1}
    assert told(f'sluice_release_phase{{{here},phase="fetching"}}') == {"": 1}
    ended = f'sluice_release_finished_total{{{here},outcome="held"}}'
    assert told(ended) == {"": 0}
    # The parts of a version join with what users got of it.
    stand.client.post(stand.path)
    got = "sum by (namespace, endpoint, model_version) (envoy_sluice_requests)"
    joined = f"{got} * on (namespace, endpoint, model_version) group_left (arm)"
    wait_until(lambda: sum(told(f"{joined} sluice_version_info{{{here}}}").values()) >= 1)
    record.append(Noted("any"), Ended("held", "so it is"))
    platform.records.close("told-v2")
    wait_until(lambda: told(ended) == {"": 1})
    wait_until(lambda: told(f"sluice_release_held{{{here}}}") == {"": 1})

"""Readings of a real Prometheus whose blocks hold what its targets exposed."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from components.judge import Policy, Verdict, judge
from components.metrics import Reading
from components.metrics.newest import sample
from components.metrics.past import Range, fetch_polls
from components.metrics.queries import COUNTED, SLUICE
from components.metrics.used import usage
from local.servers import ports, prometheus_server
from tests.support.present import present
from tests.support.waiting import wait_until

pytestmark = pytest.mark.servers

START = 1_790_000_000
WEIGHTS = {"1": 90.0, "2": 10.0}
SHARE = {"100000": 0.95, "130000": 0.99, "169000": 0.998, "+Inf": 1.0}
EVERY = 15
POLLS = 121

Labels = dict[str, str]
Count = Callable[[str, int], int]
"""Requests of a version up to a poll."""


def usual(version: str, at: int) -> int:
    return 75 * at if version == "2" else 20000 + 675 * at


class Exposition:
    """What targets exposed, family by family."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}

    def add(self, name: str, labels: Labels, at: int, value: float) -> None:
        said = ",".join(f'{key}="{it}"' for key, it in labels.items())
        self._lines.setdefault(name, []).append(f"{name}{{{said}}} {value} {START + EVERY * at}")

    def gateway(
        self,
        target: Labels,
        polls: range = range(POLLS),
        n: Count = usual,
        began: float | None = -900,
    ) -> None:
        """One gateway, whose process began so many seconds after `START`; None: it does not say."""
        for at in polls:
            self.add("up", target, at, 1)
            if began is not None:
                self.add("envoy_server_uptime", target, at, EVERY * at - began)
            self.add("envoy_sluice_requests", target | {"cluster": "-"}, at, at)
            for version in "12":
                named = target | {"cluster": f"demo-v{version}"}
                count = n(version, at)
                more = {"code": "200", "grpc": "", "flags": "-"}
                self.add("envoy_sluice_requests", named | more, at, count)
                for edge, share in SHARE.items():
                    slower = named | {"le": edge}
                    self.add("envoy_sluice_latency_bucket", slower, at, round(count * share))

    def text(self) -> str:
        families = [f"# TYPE {name} unknown\n" + "\n".join(of) for name, of in self._lines.items()]
        return "\n".join(families) + "\n# EOF\n"


@contextmanager
def prometheus(folder: Path, exposed: Exposition) -> Iterator[str]:
    """The URL of a server with these blocks, while the block runs."""
    (folder / "exposed").write_text(exposed.text())
    (folder / "config").write_text("{}")
    make = ("tsdb", "create-blocks-from", "openmetrics", folder / "exposed", folder / "data")
    subprocess.run([prometheus_server.binary("promtool"), *make], check=True, capture_output=True)
    (port,) = ports.choose(1)
    arguments = (
        f"--config.file={folder / 'config'}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    )
    server = subprocess.Popen([prometheus_server.binary(), *arguments])
    try:
        url = f"http://127.0.0.1:{port}"

        def ready() -> bool:
            try:
                return httpx.get(f"{url}/-/ready", trust_env=False).status_code == 200
            except httpx.TransportError:
                return False

        wait_until(ready)
        yield url
    finally:
        server.terminate()
        server.wait()


def judged(url: str, polls: int = POLLS - 1) -> Verdict:
    span = Range(START, START + EVERY * polls, EVERY)
    return judge(Policy(), "1", "2", fetch_polls(url, "sluice", "demo", WEIGHTS, span))


GW = {"job": "gateway", "instance": "gw:1"}


@pytest.mark.parametrize("jobs", [("gateway",), ("gateway", "kubernetes-pods")])
def test_a7_a_target_that_two_jobs_scrape_is_counted_once(
    tmp_path: Path, jobs: tuple[str, ...]
) -> None:
    exposed = Exposition()
    for job in jobs:
        exposed.gateway(GW | {"job": job}, n=lambda v, at: 2 * at if v == "2" else 20000 + 18 * at)
    with prometheus(tmp_path, exposed) as url:
        verdict = judged(url)
    assert verdict.decision == "HOLD"
    assert present(verdict.evidence).candidate.requests == 240


@pytest.mark.parametrize("days", [-3 * 86400.0, None])
def test_a10_the_first_reading_of_a_gateway_that_is_up_for_days_is_no_beginning(
    tmp_path: Path, days: float | None
) -> None:
    def old(version: str, at: int) -> int:
        return (6000 if version == "2" else 200000) + usual(version, at)

    exposed = Exposition()
    exposed.gateway(GW)
    # Read until 20 minutes before, and again from the third poll on.
    exposed.gateway(GW | {"instance": "gw:2"}, range(-120, -80), old, days)
    exposed.gateway(GW | {"instance": "gw:2"}, range(3, POLLS), old, days)
    with prometheus(tmp_path, exposed) as url:
        verdict = judged(url)
    assert (verdict.decision, verdict.at) == ("PROMOTE", 1800)


def test_a_gateway_whose_series_get_other_labels_is_read_once_at_any_time(tmp_path: Path) -> None:
    exposed = Exposition()
    exposed.gateway(GW, range(20))
    exposed.gateway(GW | {"namespace": "local", "endpoint": "demo"}, range(20, 40))
    with prometheus(tmp_path, exposed) as url:
        span = Range(START, START + EVERY * 39, EVERY)
        polls = fetch_polls(url, "sluice", "demo", WEIGHTS, span)
        live = [at_that_time(url, START + EVERY * at + 1) for at in range(18, 23)]
    counts = [present(poll.sources["2"]["gw:1/demo-v2"]).requests for poll in polls]
    assert counts == [75 * at for at in range(40)]
    for at, reading in zip(range(18, 23), live, strict=True):
        assert present(reading.versions["2"]["gw:1/demo-v2"]).requests == 75 * at
        assert reading.unattributed == {"no_backend": at}


def test_a_version_that_nobody_asks_after_a_restart_is_billed_once(tmp_path: Path) -> None:
    exposed, target, restart = Exposition(), {"job": "gateway", "instance": "a"}, 20
    exposed.gateway(target, range(restart))
    for at in range(restart, restart + 10):
        exposed.add("up", target, at, 1)
        exposed.add("envoy_server_uptime", target, at, EVERY * (at - restart) + 5)
        asked = {"cluster": "demo-v2", "code": "200", "grpc": "", "flags": "-"}
        exposed.add("envoy_sluice_requests", target | asked, at, at - restart)
    with prometheus(tmp_path, exposed) as url, httpx.Client(base_url=url) as client:
        time = (float(START), float(START + EVERY * (restart + 9)))
        found = usage(client, SLUICE, "demo", ("1", "2"), time).arms
    grown = {version: usual(version, restart - 1) - usual(version, 0) for version in "12"}
    assert found["1"].requests == grown["1"]
    assert found["2"].requests == grown["2"] + 9


def at_that_time(url: str, seconds: int) -> Reading:
    """What a release would have read then."""

    def then(request: httpx.Request) -> None:
        request.url = request.url.copy_merge_params({"time": str(seconds)})

    hooks: dict[str, list[Callable[[httpx.Request], None]]] = {"request": [then]}
    with httpx.Client(base_url=url, trust_env=False, event_hooks=hooks) as client:
        return sample(client, SLUICE, "demo", ["1", "2"], max_age=5)


def test_when_a_gateway_began_does_not_move_between_its_scrapes(tmp_path: Path) -> None:
    exposed = Exposition()
    exposed.gateway(GW, range(0, POLLS, 4), began=-900)
    with prometheus(tmp_path, exposed) as url:
        polls = fetch_polls(url, "sluice", "demo", WEIGHTS, Range(START, START + 900, EVERY))
        found = [present(poll.sources["2"]["gw:1/demo-v2"]).born for poll in polls]
        # Between two scrapes, as a release asks.
        asked: dict[str, str | int] = {
            "query": SLUICE.newest(["demo-v2"], "60s"),
            "time": START + 230,
        }
        answer = httpx.get(f"{url}/api/v1/query", params=asked, trust_env=False).json()
    assert set(found) == {-900}
    began = [
        float(one["value"][1])
        for one in answer["data"]["result"]
        if one["metric"][COUNTED] == "began"
    ]
    assert began == [START - 900]

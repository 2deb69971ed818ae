"""Scale on a real API server: as many endpoints' objects as it takes in five minutes.

The API server and its store are those of the tests: programs of the embedded cluster, without a
node or a controller. Each endpoint gets what Sluice itself writes for it, by Sluice's own code,
and a lease as if it were being released. What controllers would add (pods, Deployments, Services)
is not there. ``--seconds`` says for how long objects are made.
"""

import argparse
import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import httpx
import yaml
from obstore.store import MemoryStore

from benchmarks.figures import line
from cluster import health
from cluster.access import Access, find_access
from cluster.api import Api
from cluster.decisions import KubernetesDecisions
from cluster.embedded import doctor
from cluster.endpoints import ConfiguredEndpoints
from cluster.inference_services import inference_service
from cluster.kinds import (
    BACKEND_TRAFFIC_POLICY,
    CONFIG_MAP,
    HTTP_ROUTE,
    INFERENCE_SERVICE,
    LEASE,
    NAMESPACE,
    SCALED_OBJECT,
)
from cluster.leases import KubernetesLeases
from cluster.proxies import Proxies
from cluster.scaling import KedaScaling
from cluster.serving import KServing
from cluster.settings import SYSTEM, Autoscaling, Gateway, Predictor
from cluster.traffic import RoutedTraffic
from components.platform import Lease, Platform, RouteLimits, StoredVersion, SystemClock
from components.platform.memory import World
from components.platform.spans import ObjectSpans
from components.release.reaper import Reaper
from tests.support.apiserver import api_server, define
from tests.support.endpoints import endpoint_settings

SECONDS = 300.0
TEAM = "bench"
MAKERS = 4
"""That make endpoints side by side."""
ROUNDS = 5
LONGEST_S = 7200.0
"""The length of the leases: none is silent while this runs."""
KINDS = (
    CONFIG_MAP,
    INFERENCE_SERVICE,
    SCALED_OBJECT,
    HTTP_ROUTE,
    BACKEND_TRAFFIC_POLICY,
    LEASE,
)
STORED = StoredVersion("bench", "1", "a" * 64, f"s3://sluice/versions/{'a' * 64}")
PREDICTOR = Predictor(image="localhost/predictor:1")
AUTOSCALING = Autoscaling(prometheus="http://prometheus.example")
RELEASE = {"steps": [10, 50, 100], "watch": "60m", "poll": "15s", "lease": "10m"}


@dataclass
class Counting(httpx.BaseTransport):
    """The wire to the API server; how many requests went over it."""

    access: Access
    requests: int = 0
    _wire: httpx.HTTPTransport = field(init=False)

    def __post_init__(self) -> None:
        self._wire = httpx.HTTPTransport(verify=self.access.trust)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx."""
        self.requests += 1
        return self._wire.handle_request(request)

    def close(self) -> None:
        """See httpx."""
        self._wire.close()


def platform(api: Api) -> Platform:
    """A team's platform of which the API server's part is real, and the rest in memory."""
    gateway, clock = Gateway(url="https://models.example"), SystemClock()
    leases = KubernetesLeases(api, TEAM)
    traffic = RoutedTraffic(
        api,
        TEAM,
        gateway,
        Proxies(api, gateway, lambda: ""),
        lambda _: [STORED.version],
        leases.read,
        enters=0,
    )
    scaling = KedaScaling(api, TEAM, AUTOSCALING, clock)
    log = ObjectSpans(MemoryStore())
    return replace(
        World().platform,
        clock=clock,
        leases=leases,
        traffic=traffic,
        scaling=scaling,
        serving=KServing(api, TEAM, PREDICTOR, traffic, scaling, log, clock),
        endpoints=ConfiguredEndpoints(api, TEAM),
        decisions=KubernetesDecisions(api, TEAM),
    )


def make(api: Api, used: Platform, name: str) -> None:
    """All that Sluice writes for an endpoint with one version in production, and a lease."""
    text = yaml.safe_dump(endpoint_settings(name, release=RELEASE))
    endpoint = used.endpoints.apply(text, name)
    wanted = inference_service(endpoint, STORED, STORED.version, PREDICTOR, AUTOSCALING)
    made = api.create(INFERENCE_SERVICE, TEAM, wanted)
    KedaScaling(api, TEAM, AUTOSCALING, used.clock).make(endpoint, STORED.version, made)
    everything = {STORED.version: 100}
    used.traffic.set_weights(name, everything, RouteLimits(50, timeout_s=30.0))
    lease = Lease(name, f"rel-{name}-v2-1", "bench", LONGEST_S, everything)
    if used.leases.swap(name, None, lease) is None:
        raise SystemExit(f"the lease of {name} is somebody else's")


def fill(access: Access, seconds: float) -> list[float]:
    """Make endpoints for so long; when each was there, in seconds since the beginning."""
    numbers, lock, began = count(), threading.Lock(), time.monotonic()
    there: list[float] = []

    def work() -> None:
        with closing(Api(access)) as api:
            used = platform(api)
            while time.monotonic() - began < seconds:
                with lock:
                    number = next(numbers)
                make(api, used, f"e{number:06d}")
                there.append(time.monotonic() - began)

    with ThreadPoolExecutor(MAKERS) as makers:
        for each in [makers.submit(work) for _ in range(MAKERS)]:
            each.result()
    return sorted(there)


def children() -> Iterator[tuple[str, int]]:
    """Name and resident memory (bytes) of each process that this one has started."""
    for each in Path("/proc").iterdir():
        if each.name.isdecimal():
            status = dict(
                found.partition(":")[::2] for found in (each / "status").read_text().splitlines()
            )
            if status["PPid"].strip() == str(os.getpid()) and "VmRSS" in status:
                yield status["Name"].strip(), int(status["VmRSS"].split()[0]) * 1024


def timed(what: str, do: Callable[[], object], wire: Counting) -> None:
    """Print the first time apart, then the others, and the requests of one."""
    took = []
    for _ in range(1 + ROUNDS):
        before, began = wire.requests, time.perf_counter()
        do()
        took.append(time.perf_counter() - began)
        asked = wire.requests - before
    print(f"{f'{what}: the first':<44} {took[0]:8.2f} s")
    print(line(what, took[1:], "s"))
    if asked:
        print(f"{f'{what}: requests':<44} {asked:8d}")


def main(seconds: float = SECONDS) -> None:
    """Print the figures, or say why there are none."""
    if not doctor.all_built():
        print("not run: the cluster's programs are not built: 'sluice cluster up' builds them")
        return
    # A new route is not waited for, and there are no proxies that could show it.
    logging.getLogger("cluster").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="sluice-objects-") as temporary:
        folder = Path(temporary)
        with api_server(folder) as kubeconfig:
            define(kubeconfig)
            _measure(find_access({"KUBECONFIG": str(kubeconfig)}), folder, seconds)


def _measure(access: Access, folder: Path, seconds: float) -> None:
    wire = Counting(access)
    with closing(Api(access, wire)) as api:
        for name in (TEAM, SYSTEM):
            api.create(NAMESPACE, "", NAMESPACE.object({"name": name}))
        empty = dict(children())
        there = fill(access, seconds)
        endpoints, objects = len(there), sum(len(api.list(kind, TEAM)) for kind in KINDS)
        print(f"{'seconds in which objects were made':<44} {there[-1]:8.1f} s")
        print(f"{'endpoints':<44} {endpoints:8d}")
        print(f"{'objects':<44} {objects:8d} {objects / there[-1]:8.1f} /s")
        part = seconds / 5
        for what, begin in (("first", 0.0), ("last", seconds - part)):
            made = sum(begin <= at < begin + part for at in there)
            print(f"{f'endpoints a second, the {what} fifth':<44} {made / part:8.1f} /s")
        for name, resident in children():
            grown = f"{empty.get(name, 0) / 2**20:8.0f} MiB when empty"
            print(f"{f'memory of {name}':<44} {resident / 2**20:8.0f} MiB {grown}")
        stored = (folder / "etcd" / "member" / "snap" / "db").stat().st_size
        print(f"{'bytes of the store':<44} {stored:8d} {stored / endpoints:8.0f} B/endpoint")
        reaper = Reaper(platform(api))
        timed("a reaper's pass", reaper.run, wire)
        timed("a reaper's first phase", reaper.restore, wire)
        # It has a way of its own to the server.
        timed("the list of `sluice status`", lambda: health.status(access, TEAM), wire)


if __name__ == "__main__":
    options = argparse.ArgumentParser(prog="python -m benchmarks.objects", description=__doc__)
    options.add_argument("--seconds", type=float, default=SECONDS, help="make objects for so long")
    main(options.parse_args().seconds)

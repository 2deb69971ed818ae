"""Traffic steps on an embedded cluster that runs: how long until every proxy shows one."""

import os
import sys
import time

from benchmarks.figures import line

STEPS = 20
READY_S = 60
NAME = "sluice-bench"
ARMS = ("1", "2")
TEAM = "demo"
"""Of the overlay for an embedded cluster."""


def main() -> None:
    """Print the time in the cluster's network, or say why there is none."""
    from cluster.embedded import inside, node
    from cluster.embedded.home import find_home

    if os.geteuid() != 0 or node.first_process(home := find_home()) is None:
        print("not run: no embedded cluster runs: 'sluice cluster up' starts one, as root")
        return
    if inside.run(home, [sys.executable, "-m", "benchmarks.cluster"]):
        raise SystemExit("the benchmark on the cluster failed")


def _measure() -> None:
    """Twenty steps of an endpoint of its own, whose two Services have no pods."""
    from cluster.access import find_access
    from cluster.api import Api
    from cluster.connect import NAMESPACE, platform
    from cluster.kinds import Kind
    from cluster.places import GRPC_PORT, PORT, service
    from cluster.proxies import Proxies
    from cluster.settings import read
    from cluster.traffic import RoutedTraffic
    from components.gateway import PLATFORM_CLIENT
    from components.platform import RouteLimits

    services = Kind("v1", "Service", "services")
    api = Api(find_access())
    namespace = os.environ.get(NAMESPACE, TEAM)
    settings = read(api)
    key = platform(api, namespace, settings).gateway.key(PLATFORM_CLIENT)
    proxies = Proxies(api, settings.gateway, lambda: key)
    traffic = RoutedTraffic(
        api, namespace, settings.gateway, proxies, lambda _: ARMS, lambda _: None
    )
    ports = [{"name": str(port), "port": port} for port in (PORT, GRPC_PORT)]
    names = [service(NAME, arm) for arm in ARMS]
    try:
        for name in names:
            api.apply(services, namespace, services.object({"name": name}, spec={"ports": ports}))
        traffic.set_weights(NAME, {"1": 100, "2": 0}, RouteLimits(10, timeout_s=30.0))
        traffic.wait_in_force(NAME, {"1": 100}, READY_S)
        applied = []
        for step in range(STEPS):
            time.sleep(1)
            weights = {"1": 90 - step, "2": 10 + step}
            began = time.perf_counter()
            traffic.set_weights(NAME, weights)
            traffic.wait_in_force(NAME, weights, READY_S)
            applied.append((time.perf_counter() - began) * 1000)
        print(line("traffic step in force on the cluster", applied, "ms"))
    finally:
        traffic.set_weights(NAME, {})
        for name in names:
            api.delete(services, namespace, name)
        api.close()


if __name__ == "__main__":
    _measure()

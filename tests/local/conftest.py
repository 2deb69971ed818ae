"""Upstreams for the gateway under test, and a client."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import pytest

from components.endpoint import Endpoint, parse
from components.platform import Platform
from local import credentials, envoy, gateway, ports
from local.home import Home, replace_json
from local.http import probe
from local.routes import Backend

ENDPOINT = """
name: {name}
model: toy
evaluation:
  dataset: {{uri: "file:///none.csv", target: label}}
  accuracy: {{min: 0.5}}
serving: {{runtime: text-classifier}}
gateway: {{requests_per_second: {rps}}}
"""


@dataclass(frozen=True)
class Upstream:
    """A stand-in predictor."""

    process: subprocess.Popen[bytes]
    http_port: int
    grpc_port: int

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@dataclass(frozen=True)
class Stand:
    """An endpoint with stand-in predictors behind the real gateway."""

    platform: Platform
    home: Home
    endpoint: Endpoint
    upstreams: dict[str, Upstream]
    client: httpx.Client

    @property
    def path(self) -> str:
        return f"/v2/models/{self.endpoint.name}/infer"

    def split(self, weights: dict[str, int]) -> None:
        self.platform.traffic.set_weights(self.endpoint, weights)
        self.platform.traffic.wait_applied(self.endpoint, weights, timeout=1.0)

    def forget(self, version: str) -> Backend:
        """Take the predictor off the list, as `Serving.delete` does before it drains."""
        file = self.home.serving / f"{self.endpoint.name}-v{version}.json"
        backend = Backend(**json.loads(file.read_text())["backend"])
        file.unlink()
        return backend


@pytest.fixture(scope="session")
def home(platform: Platform) -> Home:
    return Home(platform.home)


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def _start_upstream(version: str) -> Upstream:
    http_port, grpc_port = ports.choose(2)
    command = [str(Path(__file__).parent / "upstream.py"), str(http_port), str(grpc_port)]
    process = subprocess.Popen([sys.executable, *command, version])
    wait_until(lambda: probe(f"http://127.0.0.1:{http_port}") is None)
    return Upstream(process, http_port, grpc_port)


@pytest.fixture(scope="session")
def shared_upstreams() -> Iterator[dict[str, Upstream]]:
    started = {version: _start_upstream(version) for version in ("1", "2")}
    yield started
    for upstream in started.values():
        upstream.stop()


@pytest.fixture
def stand_for(
    platform: Platform, home: Home, shared_upstreams: dict[str, Upstream]
) -> Iterator[Callable[..., Stand]]:
    """Make an endpoint of its own with versions 1 and 2; ``own`` ones may be killed."""
    made: list[Stand] = []

    def make(name: str, rps: int = 100_000, own: bool = False) -> Stand:
        endpoint = parse(ENDPOINT.format(name=name, rps=rps), f"{name}.yaml")
        upstreams = shared_upstreams
        if own:
            upstreams = {version: _start_upstream(version) for version in ("1", "2")}
        for version, upstream in upstreams.items():
            backend = Backend(name, version, upstream.http_port, upstream.grpc_port)
            replace_json(home.serving / f"{name}-v{version}.json", {"backend": asdict(backend)})
        gateway.publish(home)
        client = httpx.Client(
            base_url=envoy.url(ports.kept(home)),
            headers={"x-api-key": credentials.client_keys(home)["demo"]},
            trust_env=False,
        )
        made.append(Stand(platform, home, endpoint, upstreams, client))
        return made[-1]

    yield make
    for stand in made:
        stand.client.close()
        for version, upstream in stand.upstreams.items():
            (home.serving / f"{stand.endpoint.name}-v{version}.json").unlink(missing_ok=True)
            if upstream not in shared_upstreams.values():
                upstream.stop()
        (home.traffic / f"{stand.endpoint.name}.json").unlink(missing_ok=True)
    gateway.publish(home)
    gateway.prune(home)

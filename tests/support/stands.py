"""An endpoint with stand-in predictors behind the real gateway."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import grpc
import httpx

from components.disk import replace_json
from components.endpoint import Endpoint
from components.platform import Platform, RouteLimits
from local import credentials
from local.gateway import discovery
from local.home import Home, find_home
from local.loopback import probe
from local.predictors import Backend
from local.servers import envoy_server, ports
from tests.support.endpoints import endpoint
from tests.support.waiting import wait_until


@dataclass(frozen=True)
class Upstream:
    """A stand-in predictor."""

    process: subprocess.Popen[bytes]
    http_port: int
    grpc_port: int

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def upstreams() -> Iterator[dict[str, Upstream]]:
    """Stand-ins of the versions 1 and 2, while the block runs."""
    started = {version: _start(version) for version in ("1", "2")}
    try:
        yield started
    finally:
        for upstream in started.values():
            upstream.stop()


def _start(version: str) -> Upstream:
    http_port, grpc_port = ports.choose(2)
    command = [str(Path(__file__).parent / "upstream.py"), str(http_port), str(grpc_port)]
    process = subprocess.Popen([sys.executable, *command, version])
    wait_until(lambda: probe(f"http://127.0.0.1:{http_port}") is None)
    return Upstream(process, http_port, grpc_port)


@dataclass(frozen=True)
class Stand:
    """The endpoint, its stand-ins, and a client of the gateway."""

    platform: Platform
    home: Home
    endpoint: Endpoint
    upstreams: dict[str, Upstream]
    client: httpx.Client

    @property
    def path(self) -> str:
        return f"/v2/models/{self.endpoint.name}/infer"

    def split(self, weights: dict[str, int]) -> None:
        limits = RouteLimits(self.endpoint.gateway.requests_per_second, timeout_s=7.0)
        self.platform.traffic.set_weights(self.endpoint.name, weights, limits)
        self.platform.traffic.wait_in_force(self.endpoint.name, weights, timeout=1.0)

    def forget(self, version: str) -> Backend:
        """Take the predictor off the list, as `Serving.delete` does before it drains."""
        file = self.home.serving / f"{self.endpoint.name}-v{version}.json"
        backend = Backend(**json.loads(file.read_text())["backend"])
        file.unlink()
        return backend

    def key(self, client: str) -> dict[str, str]:
        """The header with the client's key."""
        return {"x-api-key": self.platform.gateway.key(client)}

    def call(
        self, status: int = 0, method: str = "ModelInfer", headers: Mapping[str, str] | None = None
    ) -> grpc.StatusCode:
        """The code of a gRPC call that the stand-in answers with ``status``."""
        sent = {
            "x-api-key": self.client.headers["x-api-key"],
            "x-sluice-endpoint": self.endpoint.name,
            "x-test-status": str(status),
            **(headers or {}),
        }
        metadata = tuple(sent.items())
        address = f"127.0.0.1:{ports.kept(self.home)['gateway']}"
        with grpc.insecure_channel(address) as channel:
            ask = channel.unary_unary(f"/inference.GRPCInferenceService/{method}")
            try:
                ask(b"", metadata=metadata, timeout=10)
            except grpc.RpcError as error:
                code: grpc.StatusCode = error.code()
                return code
        return grpc.StatusCode.OK


@contextmanager
def stand(
    platform: Platform, name: str, upstreams: dict[str, Upstream], rps: int
) -> Iterator[Stand]:
    """An endpoint of this name in front of ``upstreams``; ``rps`` is each client's limit."""
    home = find_home()
    files = {version: home.serving / f"{name}-v{version}.json" for version in upstreams}
    for version, upstream in upstreams.items():
        backend = Backend(name, version, upstream.http_port, upstream.grpc_port)
        replace_json(files[version], {"backend": asdict(backend)})
    discovery.publish(home)
    settings = endpoint(name, gateway={"requests_per_second": rps})
    try:
        with httpx.Client(
            base_url=envoy_server.url(ports.kept(home)),
            headers={"x-api-key": credentials.clients(home)["demo"].key},
            trust_env=False,
        ) as client:
            yield Stand(platform, home, settings, upstreams, client)
    finally:
        for file in files.values():
            file.unlink(missing_ok=True)
        (home.traffic / f"{name}.json").unlink(missing_ok=True)
        discovery.publish(home)
        discovery.prune(home)

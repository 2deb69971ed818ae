"""Predictors as processes, as the platform starts them."""

import socket
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.waiting import wait_until

FIXED = ("--executors=2", "--threads=1", "--batching=padded", "--batch-tokens=256")
"""Skips most of the calibration, for tests that are not about it."""
ONE_BY_ONE = ("--executors=1", "--threads=1", "--batching=alone")


@dataclass
class Predictor:
    """One running predictor, by default of the model ``m``; version 7."""

    process: subprocess.Popen[bytes]
    url: str
    grpc: str
    log: Path

    @property
    def ports(self) -> tuple[int, int]:
        """Of HTTP and gRPC."""
        return int(self.url.rpartition(":")[2]), int(self.grpc.rpartition(":")[2])

    def client(self) -> httpx.Client:
        """A client that ignores proxies of the environment."""
        return httpx.Client(base_url=self.url, trust_env=False, timeout=30)

    def metrics(self) -> dict[str, float]:
        """Sample values by name, with the labels that are not of the whole predictor."""
        with self.client() as client:
            lines = client.get("/metrics").text.splitlines()
        values = {}
        for line in lines:
            if line.startswith("inference_"):
                name, value = line.rsplit(" ", 1)
                for label in ('endpoint="m"', 'model_version="7"'):
                    name = name.replace(f"{label},", "").replace(f",{label}", "")
                    name = name.replace(f"{{{label}}}", "")
                values[name] = float(value)
        return values

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        self.process.terminate()
        return self.process.wait(timeout=60)


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(
    bundle: Path,
    log: Path,
    *flags: str,
    runtime: str = "text-classifier",
    ready: bool = True,
    name: str = "m",
) -> Predictor:
    """Start a predictor; with ``ready``, wait until it is."""
    http, grpc = free_port(), free_port()
    command = [
        sys.executable,
        "-m",
        "components.predictor",
        f"--bundle={bundle}",
        f"--runtime={runtime}",
        f"--model-name={name}",
        "--model-version=7",
        f"--http-port={http}",
        f"--grpc-port={grpc}",
        "--leave=0.3",
        *flags,
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    predictor = Predictor(process, f"http://127.0.0.1:{http}", f"127.0.0.1:{grpc}", log)

    def is_ready() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            return httpx.get(f"{predictor.url}/v2/models/{name}/ready", trust_env=False).is_success
        except httpx.TransportError:
            return False

    if ready:
        try:
            wait_until(is_ready, 120)
        except BaseException:
            process.kill()
            process.wait()
            raise
    return predictor

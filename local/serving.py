"""Model versions as one KServe process each (`components.platform.Serving`)."""

import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from components.endpoint import Endpoint
from components.errors import PlatformError, Unreachable
from components.predictor.arguments import arguments
from local import envoy, gateway, ports, prometheus, supervisor
from local.files import locked, read_json, replace_json
from local.home import Home
from local.http import probe
from local.program import Program
from local.routes import Backend


def program_name(endpoint: str, version: str) -> str:
    """The supervisor's name of a predictor."""
    return f"{endpoint}-v{version}"


def program(endpoint: Endpoint, backend: Backend, bundle: Path) -> Program:
    """The predictor's process."""
    serving = endpoint.serving
    command = [
        sys.executable,
        "-m",
        "components.predictor",
        f"--bundle={bundle}",
        f"--model-name={endpoint.name}",
        f"--model-version={backend.version}",
        "--host=127.0.0.1",
        f"--http-port={backend.http_port}",
        f"--grpc-port={backend.grpc_port}",
        f"--grace={serving.queue.deadline + 5}",
        *arguments(serving),
    ]
    return Program(
        program_name(backend.endpoint, backend.version),
        tuple(command),
        stop_wait_s=int(serving.queue.deadline) + 15,
    )


@dataclass(frozen=True)
class LocalServing:
    """Predictors under the platform's supervisor."""

    home: Home

    def _file(self, endpoint: Endpoint, version: str) -> Path:
        return self.home.serving / f"{program_name(endpoint.name, version)}.json"

    def _backend(self, endpoint: Endpoint, version: str) -> Backend | None:
        content = read_json(self._file(endpoint, version))
        return None if content is None else Backend(**content["backend"])

    def create(self, endpoint: Endpoint, version: str, bundle: Path) -> None:
        """Start (or keep) a predictor of ``version`` and make it known to the gateway.

        Raises:
            Unreachable: the platform is not up.
        """
        backend = self._backend(endpoint, version)
        if backend is None:
            known = [backend for backend, _ in gateway.predictors(self.home)]
            taken = [port for each in known for port in (each.http_port, each.grpc_port)]
            taken += ports.kept(self.home).values()
            backend = Backend(endpoint.name, version, *ports.choose(2, taken))
        replace_json(
            self._file(endpoint, version), {"backend": asdict(backend), "bundle": str(bundle)}
        )
        supervisor.write_program(self.home, program(endpoint, backend, bundle))
        supervisor.update(self.home)
        supervisor.start_stopped(self.home, program_name(endpoint.name, version))
        self._write_targets()
        gateway.publish(self.home)

    def _write_targets(self) -> None:
        with locked(self.home.path / "targets.lock"):
            prometheus.write_targets(self.home, gateway.backends(self.home))

    def ready(self, endpoint: Endpoint, version: str) -> bool:
        """True once the predictor has answered its warm-up inference."""
        backend = self._backend(endpoint, version)
        if backend is None:
            return False
        address = f"http://127.0.0.1:{backend.http_port}/v2/models/{endpoint.name}/ready"
        return probe(address) is None

    def delete(self, endpoint: Endpoint, version: str) -> None:
        """Take the version off the gateway, wait for its last answers, stop it.

        Its file says that it is leaving until all is done, so that a delete that was killed half
        way can be called again.

        Raises:
            PlatformError: it still has a share of the traffic, or does not come to rest.
        """
        backend = self._backend(endpoint, version)
        if backend is None:
            return
        route = gateway.route(self.home, endpoint.name)
        share = route.weights.get(version, 0) if route else 0
        if share:
            raise PlatformError(
                f"{endpoint.name} version {version} still gets {share}% of the traffic: "
                "move the traffic before deleting it"
            )
        file = self._file(endpoint, version)
        replace_json(file, read_json(file) | {"leaving": True})
        try:
            envoy.wait_for_routes(self.home, gateway.publish(self.home))
            gateway.drain(self.home, backend, timeout=endpoint.serving.queue.deadline + 5)
        except Unreachable:
            pass  # a gateway that is down sends nobody there
        gateway.prune(self.home)
        self._write_targets()
        supervisor.remove_program(self.home, program_name(endpoint.name, version))
        supervisor.update(self.home)
        file.unlink()

    def versions(self, endpoint: Endpoint) -> list[str]:
        """The versions that have a predictor now, ready or not."""
        known = [backend for backend, _ in gateway.predictors(self.home)]
        return [backend.version for backend in known if backend.endpoint == endpoint.name]

    def url(self, endpoint: Endpoint, version: str) -> str:
        """The predictor's own base URL, past the gateway.

        Raises:
            PlatformError: the version has no predictor.
        """
        backend = self._backend(endpoint, version)
        if backend is None:
            raise PlatformError(
                f"{endpoint.name} version {version} is not served: release it first"
            )
        return f"http://127.0.0.1:{backend.http_port}"

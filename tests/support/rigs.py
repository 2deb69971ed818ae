"""A platform under the contract suite, and what the contract itself cannot do to it."""

import json
import tempfile
import uuid
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import grpc
import httpx

from cluster.api import Api
from cluster.kinds import HTTP_ROUTE, LEASE, SCALED_OBJECT
from cluster.names import annotation, object_name, predictor_name
from components import bundle, gateway
from components.endpoint import Endpoint
from components.errors import Unreachable
from components.platform import (
    Metrics,
    ModelRegistry,
    Platform,
    RouteLimits,
    StoredVersion,
    Weights,
    wait_for,
)
from components.platform.memory import Answer, World
from tests.support.bundles import write_bundle
from tests.support.endpoints import endpoint as make_endpoint
from tests.support.predictors import free_port

BODY = json.dumps(
    {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["w1"]}]}
).encode()
"""An inference request that the rigs' models answer."""
LIMITS = RouteLimits(requests_per_second=100_000, timeout_s=30.0)
IN_FORCE_S = 30.0
"""Within which a split is in force, where other tests have theirs."""
ANSWERED_S = 150.0
"""Within which whoever is asked has answered, one that had to be woken too."""


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files by their paths below ``folder``."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


class Rig(ABC):
    """One platform. Names that a test asks for are new, for real servers outlive a test."""

    _session = uuid.uuid4().hex[:6]
    _numbers = count(1)

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.answered: Counter[tuple[str, str]] = Counter()
        """Requests so far that a version answered, by endpoint and version."""

    def name(self, what: str = "contract") -> str:
        """A name that nobody has used, in this session or one before."""
        return f"{what}-{self._session}-{next(self._numbers)}"

    def endpoint(self, what: str) -> Endpoint:
        """An endpoint of a new name, which the platform does not know yet."""
        return make_endpoint(self.name(what))

    @property
    def client(self) -> str:
        """Who asks, in this session: another one's key may not be in force yet."""
        return f"contract-{self._session}"

    @cached_property
    def key(self) -> str:
        """The key of a client who may ask."""
        if self.client not in self.platform.gateway.clients():
            self.platform.gateway.add(self.client)
        return self.platform.gateway.key(self.client)

    def stored(
        self, endpoint: Endpoint, version: str, files: Mapping[str, bytes] | None = None
    ) -> StoredVersion:
        """A version's files in the platform's store; default: those of a model that loads."""
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            if files is None:
                self.write_model(folder)
            else:
                write(folder, files)
            digest = bundle.write_manifest(folder)
            return self.platform.files.put(endpoint.model, version, digest, folder)

    def create(self, endpoint: Endpoint, version: str) -> None:
        """Create a predictor and wait until it is ready."""
        self.platform.serving.create(endpoint, self.stored(endpoint, version))
        self.wait_ready(endpoint.name, version)

    def wait_ready(self, endpoint: str, version: str) -> None:
        """Wait until the version's predictor is ready."""

        def ready() -> bool:
            found = self.platform.serving.readiness(endpoint, version)
            assert found.state != "failed", found.why
            return found.state == "ready"

        self.wait(ready, f"{endpoint} version {version}")

    def split(self, endpoint: str, weights: Weights) -> None:
        """Put a split in force."""
        self.platform.traffic.set_weights(endpoint, weights, LIMITS)
        self.platform.traffic.wait_in_force(endpoint, weights, IN_FORCE_S)

    def remove(self, endpoint: str) -> None:
        """Leave nothing of the endpoint."""
        self.platform.traffic.set_weights(endpoint, {})
        self.platform.traffic.wait_in_force(endpoint, {}, IN_FORCE_S)
        for version in self.platform.serving.versions(endpoint):
            self.platform.serving.delete(endpoint, version)

    def wait(self, condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
        """Let time pass until the condition holds."""
        said = ""

        def holds() -> bool:
            nonlocal said
            try:
                return condition()
            except Unreachable as error:  # a busy server may answer the next time
                said = f": {error}"
                return False

        def late() -> str:
            return f"{what} did not come within {seconds:g} s{said}"

        wait_for(holds, seconds, 0.05, late, self.platform.clock)

    @abstractmethod
    def write_model(self, folder: Path) -> None:
        """Write the files of a model that a predictor can load."""

    @abstractmethod
    def unloadable(self, endpoint: Endpoint, version: str) -> StoredVersion:
        """A version whose predictor cannot load its files."""

    @abstractmethod
    def register(self, model: str, files: Mapping[str, bytes]) -> str:
        """Register a version with these files and a manifest; its number."""

    def ask(self, endpoint: str, key: str | None = None, pin: str | None = None) -> Answer:
        """One user's request; default: with the rig's own key. ``pin`` names the version."""
        return self._ask(endpoint, self.key if key is None else key, pin)

    def call(self, endpoint: str) -> Answer:
        """One user's request by gRPC; the status is 200 if it succeeds, else 500."""
        return self._call(endpoint, self.key)

    def _noted(self, endpoint: str, answer: Answer, pin: str | None = None) -> Answer:
        """The answer to a request, counted if the split chose the version that gave it."""
        refused = answer.status in gateway.REFUSALS
        if pin is None and answer.version is not None and not refused:
            self.answered[endpoint, answer.version] += 1
        return answer

    @abstractmethod
    def _ask(self, endpoint: str, key: str, pin: str | None) -> Answer:
        """One user's request."""

    @abstractmethod
    def _call(self, endpoint: str, key: str) -> Answer:
        """One user's request by gRPC."""

    @abstractmethod
    def in_force(self, endpoint: str) -> list[dict[str, int]]:
        """The shares above 0 that each proxy shows."""

    @abstractmethod
    def damage_lease(self, endpoint: str) -> None:
        """Make the endpoint's lease one that cannot be read."""

    @abstractmethod
    def lose_scaler(self, endpoint: str, arm: str) -> bool:
        """Delete an arm's autoscaler, as somebody may; False: nobody scales there."""

    @abstractmethod
    def remove_lease(self, endpoint: str) -> None:
        """Leave none of the endpoint, damaged or not: a reaper would speak of it for ever."""

    @abstractmethod
    def metrics_away(self) -> Metrics:
        """The platform's metrics as they are while their server does not answer."""

    @abstractmethod
    def registry_away(self) -> ModelRegistry:
        """The platform's registry as it is while its server does not answer."""


class MemoryRig(Rig):
    """A memory platform of its own."""

    def __init__(self) -> None:
        self.world = World(proxies=("proxy-a", "proxy-b"))
        self.world.delay_traffic(0.02)
        self.world.delay_traffic(0.07, "proxy-b")
        for version in ("1", "2"):
            self.world.behave(version, error_rate=0.0)
        super().__init__(self.world.platform)

    def write_model(self, folder: Path) -> None:
        write(folder, {"model.txt": b"any"})

    def unloadable(self, endpoint: Endpoint, version: str) -> StoredVersion:
        self.world.starts(version, after_s=1.0, fails="model.onnx: not a graph")
        return self.stored(endpoint, version)

    def register(self, model: str, files: Mapping[str, bytes]) -> str:
        return self.world.register(model, files)

    def _ask(self, endpoint: str, key: str, pin: str | None) -> Answer:
        return self._noted(endpoint, self.world.ask(endpoint, key, pin), pin)

    def _call(self, endpoint: str, key: str) -> Answer:
        return self._noted(endpoint, self.world.ask(endpoint, key))

    def in_force(self, endpoint: str) -> list[dict[str, int]]:
        shown = self.world.proxies.shown(endpoint).values()
        return [{version: share for version, share in each.items() if share} for each in shown]

    def damage_lease(self, endpoint: str) -> None:
        self.world.leases.damage(endpoint)

    def lose_scaler(self, endpoint: str, arm: str) -> bool:
        self.world.scaling.lose(endpoint, arm)
        return True

    def remove_lease(self, endpoint: str) -> None:
        self.world.leases.remove(endpoint)

    def metrics_away(self) -> Metrics:
        elsewhere = World()
        elsewhere.away("metrics")
        return elsewhere.platform.metrics

    def registry_away(self) -> ModelRegistry:
        elsewhere = World()
        elsewhere.away("registry")
        return elsewhere.platform.registry


class RealRig(Rig):
    """A platform of servers: a gateway that speaks HTTP, and MLflow."""

    def __init__(self, platform: Platform, client: httpx.Client) -> None:
        super().__init__(platform)
        self._client = client

    def write_model(self, folder: Path) -> None:
        write_bundle(folder)

    def unloadable(self, endpoint: Endpoint, version: str) -> StoredVersion:
        with tempfile.TemporaryDirectory() as temporary:
            files = write_bundle(Path(temporary))
            (files / "model.onnx").write_bytes(b"not a graph")
            return self.stored(
                endpoint, version, {path.name: path.read_bytes() for path in files.iterdir()}
            )

    def register(self, model: str, files: Mapping[str, bytes]) -> str:
        from components.registry import register

        def save(folder: Path, _description: Any) -> None:
            folder.mkdir(exist_ok=True)
            write(folder, files)

        candidate = register.Candidate(
            model=model,
            recipe=self.name("recipe"),
            name="contract",
            summary="",
            card="",
            save=save,
            metrics={},
            params={},
            data_uri="s3://datasets/none.csv",
            data_digest="0" * 64,
            experiment="contract",
        )
        return register.register(register.client(self.platform.registry.url), candidate).version

    def _ask(self, endpoint: str, key: str, pin: str | None) -> Answer:
        return _read(self.post(endpoint, key, pin))

    def post(
        self,
        endpoint: str,
        key: str,
        pin: str | None = None,
        *,
        content: bytes = BODY,
        headers: Mapping[str, str] = {},
    ) -> httpx.Response:
        """An inference request as the wire has it."""
        pinned = {} if pin is None else {gateway.VERSION_HEADER: pin}
        answer = self._client.post(
            f"/v2/models/{endpoint}/infer",
            content=content,
            headers={
                "content-type": "application/json",
                gateway.KEY_HEADER: key,
                **pinned,
                **headers,
            },
        )
        self._noted(endpoint, _read(answer), pin)
        return answer

    def _call(self, endpoint: str, key: str) -> Answer:
        version, code, _ = self.infer(endpoint, key)
        return Answer(_http(code), version)

    def infer(
        self, endpoint: str, key: str, pin: str | None = None
    ) -> tuple[str | None, grpc.StatusCode, str]:
        """The same by gRPC: who answered, the status and what it says."""
        from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

        tensor = pb.ModelInferRequest.InferInputTensor(name="text", datatype="BYTES", shape=[1])
        tensor.contents.bytes_contents.append(b"w1")
        pinned = () if pin is None else ((gateway.VERSION_HEADER, pin),)
        metadata = ((gateway.KEY_HEADER, key), (gateway.ENDPOINT_HEADER, endpoint), *pinned)
        url = self._client.base_url
        with grpc.insecure_channel(f"{url.host}:{url.port or 80}") as channel:
            method = channel.unary_unary(gateway.GRPC_SERVICE + gateway.GRPC_INFER)
            asked = pb.ModelInferRequest(model_name=endpoint, inputs=[tensor]).SerializeToString()
            called = method.future(asked, metadata=metadata, timeout=ANSWERED_S)
            version = dict(called.initial_metadata()).get(gateway.VERSION_HEADER)
            code, said = called.code(), called.details()
        self._noted(endpoint, Answer(_http(code), version), pin)
        return version, code, said

    def registry_away(self) -> ModelRegistry:
        from components.registry import Registry

        return Registry(f"http://127.0.0.1:{free_port()}")


def _read(answer: httpx.Response) -> Answer:
    return Answer(answer.status_code, answer.headers.get(gateway.VERSION_HEADER))


def _http(code: grpc.StatusCode) -> int:
    return 200 if code == grpc.StatusCode.OK else 500


class LocalRig(RealRig):
    """The laptop."""

    def in_force(self, endpoint: str) -> list[dict[str, int]]:
        from local.gateway import admin, routes
        from local.home import find_home

        shown = routes.split_in(admin.dump_routes(find_home()), endpoint)
        return [{version: share for version, share in shown.items() if share}]

    def damage_lease(self, endpoint: str) -> None:
        from local.home import find_home

        (find_home().leases / f"{endpoint}.json").write_text("{")

    def lose_scaler(self, endpoint: str, arm: str) -> bool:
        return False

    def remove_lease(self, endpoint: str) -> None:
        from local.home import find_home

        (find_home().leases / f"{endpoint}.json").unlink(missing_ok=True)

    def metrics_away(self) -> Metrics:
        from local.platform.metrics import metrics

        return metrics(f"http://127.0.0.1:{free_port()}")


class KubernetesRig(RealRig):
    """A team's namespace of a cluster."""

    def __init__(self, platform: Platform, client: httpx.Client, api: Api, namespace: str) -> None:
        super().__init__(platform, client)
        self._api = api
        self.namespace = namespace

    def endpoint(self, what: str) -> Endpoint:
        """Several of its predictors have room on a small node, and none is calibrated."""
        serving = {
            "resources": {"cpu": "100m", "memory": "512Mi"},
            "execution": {"executors": 1, "threads": 1, "batching": "alone"},
        }
        return make_endpoint(self.name(what), serving=serving)

    def in_force(self, endpoint: str) -> list[dict[str, int]]:
        from cluster.settings import read
        from tests.support.proxies import splits

        return splits(self._api, read(self._api).gateway, self.namespace, endpoint)

    def damage_lease(self, endpoint: str) -> None:
        damaged = {"metadata": {"annotations": {annotation("lease"): "{"}}}
        self._api.merge(LEASE, self.namespace, object_name(endpoint), damaged)

    def lose_scaler(self, endpoint: str, arm: str) -> bool:
        from cluster.settings import read

        self._api.delete(SCALED_OBJECT, self.namespace, predictor_name(endpoint, arm))
        return read(self._api).autoscaling is not None

    def remove(self, endpoint: str) -> None:
        super().remove(endpoint)
        # Of one that a test keeps, the rest stays.
        self._api.delete(HTTP_ROUTE, self.namespace, object_name(endpoint))

    def remove_lease(self, endpoint: str) -> None:
        self._api.delete(LEASE, self.namespace, object_name(endpoint))

    def metrics_away(self) -> Metrics:
        from cluster.metrics import metrics

        return metrics(f"http://127.0.0.1:{free_port()}", self.namespace)

"""The handle of a memory platform: what a test says of the world around a release."""

import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from obstore.store import MemoryStore

from components import bundle
from components.arms import shadow_of, version_of
from components.endpoint import Endpoint
from components.errors import NoRoom
from components.gateway import may_pin
from components.platform.contract import Platform, Room, StoredVersion
from components.platform.memory.clock import START, ManualClock
from components.platform.memory.faults import Faults
from components.platform.memory.metrics import MemoryMetrics
from components.platform.memory.proxies import MemoryTraffic, Proxies
from components.platform.memory.registry import MemoryRegistry
from components.platform.memory.scaling import MemoryScaling
from components.platform.memory.serving import MemoryServing, Start
from components.platform.memory.stores import MemoryDecisions, MemoryGateway, MemoryLeases
from components.platform.memory.users import Behaviour, Users
from components.platform.moments import Moment
from components.platform.objects import ObjectEndpoints, ObjectFiles, ObjectMoments, ObjectRecords
from components.platform.spans import ObjectSpans
from components.registry.names import MANIFEST_TAG


@dataclass(frozen=True)
class Answer:
    """What a user got."""

    status: int
    version: str | None = None
    """Who answered; None: the gateway itself."""


class World:
    """One memory platform, and everything around it.

    Args:
        proxies: their names; requests are spread over them evenly.
        wall: what the wall clock shows at the beginning, in seconds since the epoch.
    """

    def __init__(self, proxies: Sequence[str] = ("gateway",), wall: float = START) -> None:
        self.clock = ManualClock(wall)
        self.faults = Faults(self.clock)
        self.registry = MemoryRegistry()
        self.leases = MemoryLeases(self.clock)
        self.decisions = MemoryDecisions(self.clock)
        self.gateway = MemoryGateway()
        self.store = MemoryStore()
        self.proxies = Proxies(self.clock, proxies, self._settle)
        self.serving = MemoryServing(
            self.clock, self.proxies, self._settle, ObjectSpans(self.store)
        )
        self.scaling = MemoryScaling(self.clock, self.serving, self._settle)
        self._users = Users(
            self.clock, self.proxies, self._ready, self.serving.is_gone, self.scaling.count
        )
        self._metrics = MemoryMetrics(self.clock, self._users)
        self.told: list[Moment] = []
        """What people were told of."""
        self.shown: list[Moment] = []
        """What they see beside an endpoint."""
        self.messenger: Callable[[Moment], None] = self.told.append
        """Who tells them."""
        self._asked = 0
        self._turns: dict[str, dict[str, int]] = defaultdict(dict)
        self._clients: dict[tuple[str, str, int], int] = defaultdict(int)
        self.platform = self._platform()

    def _platform(self) -> Platform:
        guard = self.faults.guard
        buckets: dict[str, MemoryStore] = defaultdict(MemoryStore, sluice=self.store)
        files = ObjectFiles(self.store, "s3://sluice", buckets.__getitem__)
        traffic = MemoryTraffic(self.clock, self.proxies, self.serving.versions)
        return Platform(
            serving=guard("serving", self.serving),
            scaling=guard("scaling", self.scaling),
            traffic=guard("traffic", traffic),
            metrics=guard("metrics", self._metrics),
            leases=guard("leases", self.leases),
            decisions=guard("decisions", self.decisions),
            records=guard("records", ObjectRecords(self.store)),
            files=guard("files", files),
            endpoints=guard("endpoints", ObjectEndpoints(self.store)),
            gateway=guard("gateway", self.gateway),
            registry=guard("registry", self.registry),
            moments=guard("moments", ObjectMoments(self.store, self._tell, self.shown.append)),
            clock=self.clock,
        )

    def _tell(self, moment: Moment) -> None:
        self.messenger(moment)

    def _settle(self) -> None:
        self._users.settle()

    def _ready(self, endpoint: str, version: str) -> bool:
        return self.serving.readiness(endpoint, version).state == "ready"

    def apply(self, text: str) -> Endpoint:
        """Make the endpoint's file known."""
        return ObjectEndpoints(self.store).apply(text, "endpoint.yaml")

    def register(
        self,
        model: str,
        files: Mapping[str, bytes] | None = None,
        *,
        alias: str = "",
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Register a new version of ``model`` as `sluice register` does; its number.

        Args:
            model: the registered model, made if there is none.
            files: content by path; default: one file that is the version's own.
            alias: moved to the version.
            tags: besides the manifest's digest.
        """
        known = self.registry.models.get(model)
        number = known.newest + 1 if known else 1
        content = {"model.txt": f"{model} {number}".encode()} if files is None else files
        with tempfile.TemporaryDirectory() as folder:
            for name, written in content.items():
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(written)
            digest = bundle.write_manifest(Path(folder))
            manifest = Path(folder, bundle.MANIFEST).read_bytes()
        version = self.registry.add(
            model,
            {**content, bundle.MANIFEST: manifest},
            {MANIFEST_TAG: digest, **(tags or {})},
        )
        if alias:
            self.registry.set_alias(model, alias, version)
        return version

    def store_version(self, model: str, version: str) -> StoredVersion:
        """Put a registered version's files into the platform's store, as a release's fetch does."""
        digest = self.registry.version(model, version).tags[MANIFEST_TAG]
        with tempfile.TemporaryDirectory() as folder:
            self.registry.download(model, version, Path(folder))
            return self.platform.files.put(model, version, digest, Path(folder))

    def starts(self, version: str, after_s: float = 0.0, fails: str = "") -> None:
        """Predictors of the version that are created from now on need that long, or fail so."""
        self.serving.starts[version] = Start(after_s, fails)

    def room(self, why: str, *, enough: bool) -> None:
        """Let the platform say that one predictor more has room, or that it has not."""
        self.serving.has_room = Room(enough, why)

    def autoscale(self, endpoint: str, each: float) -> None:
        """Let there be one predictor for so many of an arm's requests a second, from now on."""

        def asked(arm: str) -> float:
            whole = sum(rate for (name, *_), rate in self._users.rates.items() if name == endpoint)
            return whole * self.proxies.asked(endpoint).get(arm, 0) / 100

        self.scaling.by(endpoint, asked, each)

    def crash(self, endpoint: str, version: str, why: str = "it has died") -> None:
        """Let a predictor fail now: its users get errors until it is created again."""
        self.serving.crash(endpoint, version, why)

    def evict(self, endpoint: str, version: str, for_s: float) -> None:
        """Let an arm's only pod go, as a node does that is drained; another one needs so long."""
        self.serving.evict(endpoint, version, for_s)

    def lose_predictor(self, endpoint: str, version: str) -> None:
        """Let somebody delete the predictor now."""
        self.serving.lose(endpoint, version)

    def lose_route(self, endpoint: str) -> None:
        """Let somebody delete the route now."""
        self.proxies.ask(endpoint, {}, None)

    def lose_model(self, endpoint: str, version: str) -> None:
        """Let a predictor run on without its model: its users get errors until it is created."""
        self.serving.lose_model(endpoint, version)

    def behave(
        self,
        version: str,
        client: str = "",
        /,
        *,
        error_rate: float = Behaviour.error_rate,
        latency_ms: float = Behaviour.latency_ms,
        sigma: float = Behaviour.sigma,
        refused: float = Behaviour.refused,
        given_up: float = Behaviour.given_up,
        cold: float = Behaviour.cold,
        load: float = Behaviour.load,
    ) -> None:
        """Let the version answer so, from now on, at every endpoint.

        Args:
            version: its number, or the name of one of its arms.
            client: to whom it answers so; empty: to all the others.
            error_rate: the share of requests that fail.
            latency_ms: the median of a lognormal; the p95 is exp(1.645 ``sigma``) times as long.
            sigma: the standard deviation of the latency's logarithm.
            refused: the share of requests that it refuses as the client's fault.
            given_up: the share of the others whose clients give up before an answer.
            cold: how much longer an arm takes that is never asked, as a share of the median.
            load: how much longer it takes for each request a second that it is asked, likewise.
        """
        self._settle()
        answers = Behaviour(error_rate, latency_ms, sigma, refused, given_up, cold, load)
        self._users.behaviours[version, client] = answers

    def users(
        self, endpoint: str, per_second: float, protocol: str = "rest", client: str = "users"
    ) -> None:
        """Let so many of a client's users ask the endpoint each second, from now on; 0 ends it."""
        self._settle()
        self._users.rates[endpoint, protocol, client] = per_second

    def ask(self, endpoint: str, key: str, pin: str | None = None) -> Answer:
        """One user's request, as the gateway answers it now; ``pin`` names the version."""
        client = self.gateway.client_of(key)
        if client is None:
            return Answer(401)
        proxy = self.proxies.names[self._asked % len(self.proxies.names)]
        self._asked += 1
        route = self.proxies.taken(proxy, endpoint)
        if not route.weights or route.limits is None:
            return Answer(404)
        second = (endpoint, client, int(self.clock.monotonic()))
        self._clients[second] += 1
        if self._clients[second] > route.limits.requests_per_second:
            return Answer(429)
        self._settle()
        if pin is not None:
            if not may_pin(self.gateway.clients()[client], route.weights):
                return Answer(403)
            return Answer(200 if self._ready(endpoint, pin) else 404, pin)
        arm = self._turn(endpoint, route.weights)
        if route.mirror:
            shadow, copies = shadow_of(route.mirror.version), route.mirror.percent / 100
            self._users.count(endpoint, shadow, f"{proxy}/rest", copies, client=client)
        failed = self._users.count(endpoint, arm, f"{proxy}/rest", 1.0, client=client)
        return Answer(500 if failed else 200, version_of(arm))

    def _turn(self, endpoint: str, weights: Mapping[str, int]) -> str:
        """Which arm's turn it is: smooth weighted round robin, so 100 requests hold the split."""
        turns = self._turns[endpoint]
        for version, share in weights.items():
            turns[version] = turns.get(version, 0) + share
        chosen = max((v for v, share in weights.items() if share), key=turns.__getitem__)
        turns[chosen] -= 100
        return chosen

    def copy_at_most(self, per_second: float) -> None:
        """Let no mirror copy more requests than that: the rest is dropped."""
        self._settle()
        self._users.copied = per_second

    def delay_traffic(self, seconds: float, proxy: str | None = None) -> None:
        """Let a proxy (default: each) take later splits after so long; infinite: never."""
        for name in [proxy] if proxy else self.proxies.names:
            self.proxies.delay_s[name] = seconds

    def restart_proxy(self, proxy: str) -> None:
        """Let a proxy's counters begin at zero again."""
        self._users.restart(proxy)

    def lose_counters(self, proxy: str, for_s: float | None = None) -> None:
        """Let nobody read a proxy's counters: old ones at first, then none."""
        self._metrics.lose(proxy, for_s)

    def unfit(self, why: str) -> None:
        """Let what is counted be nothing to judge by."""
        self._metrics.said = why

    def away(self, interface: str, for_s: float | None = None) -> None:
        """Let an interface (``registry``, ``metrics``, ...) be unreachable, or until `clear`."""
        self.faults.fail(interface, for_s=for_s)

    def alert(self, name: str, *, fires: bool | None, endpoint: str = "") -> None:
        """Let an alert fire or not, for an endpoint or for none; None: no rule has its name."""
        if fires is None:
            self._metrics.rules.pop(name, None)
            return
        of = self._metrics.rules.setdefault(name, set())
        of.add(endpoint) if fires else of.discard(endpoint)

    def fill_disk(self) -> None:
        """Let no lease and no split be written, until the room that is kept has been made."""
        for call in ("leases.swap", "traffic.set_weights"):
            self.faults.fail(call, error=NoRoom, holds=lambda: self.leases.room_kept)

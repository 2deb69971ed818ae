"""The relay as MLflow, and who is not MLflow, asks it; behind it a memory platform."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pytest
import yaml

from cluster.relay.deliveries import Candidate, Deliveries
from cluster.relay.hints import Bus, Event, Hints
from cluster.relay.server import app
from components.errors import PlatformError, Unreachable
from components.registry import names
from tests.cluster.relay.test_deliveries import NOW, SECRET, signed, told
from tests.support.endpoints import endpoint_settings
from tests.support.worlds import MODEL, Scene, scene

WANTED: Event = {
    "namespace": "team-runs",
    "name": "rel-demo-v2-1",
    "template": "release-2",
    "endpoint": "demo",
    "release_id": "rel-demo-v2-1",
    "version": "2",
}


@dataclass
class Relay:
    """The server, and what it has told."""

    scene: Scene
    told: list[Event] = field(default_factory=list)
    away: bool = False

    def tell(self, said: Event) -> None:
        if self.away:
            raise Unreachable("the bus is away")
        self.told.append(said)

    def __post_init__(self) -> None:
        hints = Hints(lambda: {"team": self.scene.world.platform}, self.tell)
        self.app = app(Deliveries(SECRET), hints.follow, lambda: NOW)

    async def post(self, body: bytes, headers: dict[str, str]) -> httpx.Response:
        wire = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=wire, base_url="http://relay") as client:
            return await client.post("/mlflow", content=body, headers=headers)

    def deliver(self, body: bytes, number: str = "d1") -> httpx.Response:
        return asyncio.run(self.post(body, signed(body, number)))


@pytest.fixture
def relay() -> Relay:
    found = scene(since_s=0)
    found.world.registry.set_alias(MODEL, names.CANDIDATE, "2")
    return Relay(found)


def test_a_candidate_is_told_of_as_the_release_that_it_is(relay: Relay) -> None:
    answer = relay.deliver(told())
    assert (answer.status_code, answer.json()) == (200, {"releases": ["rel-demo-v2-1"]})
    assert relay.told == [WANTED]


def test_a_delivery_that_comes_again_is_refused(relay: Relay) -> None:
    assert relay.deliver(told()).status_code == 200
    assert relay.deliver(told()).status_code == 409
    assert relay.told == [WANTED]


def test_one_that_is_sent_twice_at_once_is_dealt_with_once(relay: Relay) -> None:
    async def both() -> list[int]:
        body = told()
        sent = [relay.post(body, signed(body)) for _ in range(2)]
        return sorted(each.status_code for each in await asyncio.gather(*sent))

    assert asyncio.run(both()) == [200, 409]
    assert relay.told == [WANTED]


def test_a_second_delivery_of_the_same_candidate_names_the_same_release(relay: Relay) -> None:
    relay.deliver(told(), "d1")
    relay.deliver(told(), "d2")
    assert relay.told == [WANTED, WANTED]  # the second one meets a workflow of that name


def test_a_bad_signature_is_told_nothing_and_nobody_is_asked(relay: Relay) -> None:
    calls = len(relay.scene.world.faults.calls)
    headers = signed(told(), key="guessed")
    answer = asyncio.run(relay.post(told(), headers))
    assert answer.status_code == 401
    assert relay.told == []
    assert len(relay.scene.world.faults.calls) == calls


def test_a_body_without_end_is_not_read_to_its_end(relay: Relay) -> None:
    sent = 0

    async def parts() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(10_000):
            sent += 1024
            yield b"x" * 1024

    async def post() -> httpx.Response:
        wire = httpx.ASGITransport(relay.app)
        async with httpx.AsyncClient(transport=wire, base_url="http://relay") as client:
            return await client.post("/mlflow", content=parts())

    assert asyncio.run(post()).status_code == 413
    assert sent < 1024 * 100


def test_an_unknown_model_is_asked_for_nowhere(relay: Relay) -> None:
    calls = len(relay.scene.world.faults.calls)
    assert relay.deliver(told(name="../../secret")).json() == {"releases": []}
    assert not any(call.startswith("registry.") for call in relay.scene.world.faults.calls[calls:])
    assert relay.told == []


@pytest.mark.parametrize("moved_to", ["1", None])
def test_an_alias_that_has_moved_since_is_no_candidate(relay: Relay, moved_to: str | None) -> None:
    relay.scene.world.registry.swap_alias(MODEL, names.CANDIDATE, "2", moved_to)
    assert relay.deliver(told()).json() == {"releases": []}
    assert relay.told == []


def test_what_the_payload_says_besides_is_not_read(relay: Relay) -> None:
    body = json.loads(told())
    body |= {"endpoint": "other", "namespace": "kube-system", "template": "mine"}
    body["data"] |= {"steps": 0, "release_id": "mine"}
    relay.deliver(json.dumps(body).encode())
    assert relay.told == [WANTED]


def test_what_could_not_be_told_may_be_sent_again(relay: Relay) -> None:
    relay.away = True
    assert relay.deliver(told()).status_code == 503  # MLflow tries again, with the same number
    relay.away = False
    assert relay.deliver(told()).status_code == 200
    assert relay.told == [WANTED]


def test_a_registry_that_is_away_is_asked_again_later(relay: Relay) -> None:
    relay.scene.world.faults.fail("registry.alias", times=1)
    assert relay.deliver(told()).status_code == 503
    assert relay.deliver(told()).status_code == 200


def test_an_endpoint_that_no_workflow_can_hold_is_logged_and_stops_no_other(
    relay: Relay, caplog: pytest.LogCaptureFixture
) -> None:
    quick = endpoint_settings(
        "aaa", model=MODEL, release={"poll": "1s", "lease": "5s", "steps": [10, 100]}
    )
    relay.scene.world.apply(yaml.safe_dump(quick))
    relay.deliver(told())
    assert relay.told == [WANTED]
    assert "release.lease: 5 s is less than a pod may take to start" in caplog.text


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("endpoints.names", PlatformError),
        ("endpoints.names", Unreachable),
        ("registry.alias", Unreachable),
    ],
)
def test_what_one_team_meets_starves_no_team_after_it(
    relay: Relay, call: str, error: type[PlatformError]
) -> None:
    other = scene(since_s=0)
    other.world.faults.fail(call, times=1, error=error, said="it may not")
    teams = {"first": other.world.platform, "team": relay.scene.world.platform}
    follow = Hints(lambda: teams, relay.tell).follow
    with pytest.raises(error, match="it may not"):
        follow(Candidate(MODEL, "2"))
    assert relay.told == [WANTED]
    other.world.registry.set_alias(MODEL, names.CANDIDATE, "2")
    assert follow(Candidate(MODEL, "2")) == [WANTED["release_id"]] * 2  # workflows of these names


def test_an_event_that_is_refused_starves_nobody_after_it(relay: Relay) -> None:
    other = scene(since_s=0)
    other.world.registry.set_alias(MODEL, names.CANDIDATE, "2")
    relay.scene.world.apply(yaml.safe_dump(endpoint_settings("aaa", model=MODEL)))

    def tell(said: Event) -> None:
        if said["namespace"] == "first-runs" or said["endpoint"] == "aaa":
            raise PlatformError("Argo Events refuses: 400")
        relay.tell(said)

    teams = {"first": other.world.platform, "team": relay.scene.world.platform}
    with pytest.raises(PlatformError, match="refuses: 400"):
        Hints(lambda: teams, tell).follow(Candidate(MODEL, "2"))
    assert relay.told == [WANTED]


def test_ready_is_answered(relay: Relay) -> None:
    async def get() -> int:
        wire = httpx.ASGITransport(relay.app)
        async with httpx.AsyncClient(transport=wire, base_url="http://relay") as client:
            return (await client.get("/ready")).status_code

    assert asyncio.run(get()) == 200


def test_the_bus_is_given_its_token_and_says_what_it_answers() -> None:
    asked: list[httpx.Request] = []
    answers = iter([200, 401, 500])

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(next(answers))

    bus = Bus("http://events/releases", "secret", httpx.MockTransport(answer))
    bus.tell(WANTED)
    assert asked[0].headers["authorization"] == "Bearer secret"
    assert json.loads(asked[0].content) == WANTED
    with pytest.raises(PlatformError, match="refuses: 401"):
        bus.tell(WANTED)
    with pytest.raises(Unreachable):
        bus.tell(WANTED)

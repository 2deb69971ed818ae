"""The gateway, by requests through a real Envoy."""

import http.client
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import grpc
import httpx
import pytest

from components import gateway
from components.errors import InputError, PlatformError
from components.judge import Sample
from components.platform import Platform, RouteLimits
from local import credentials
from local.gateway import admin, discovery, routes
from local.servers import envoy_server
from tests.support.stands import Stand
from tests.support.waiting import wait_until

StandFor = Callable[..., Stand]


def counted(stand: Stand, version: str, source: str = "envoy/rest") -> Sample:
    found = stand.platform.metrics.sample(stand.endpoint.name, [version], max_age=10)
    counters = found.versions[version].get(source)
    return counters or Sample(0, 0, {})


def test_a_request_without_a_key_gets_401(stand_for: StandFor) -> None:
    stand = stand_for("nokey")
    stand.split({"1": 100})
    url = str(stand.client.base_url) + stand.path
    assert httpx.post(url, trust_env=False).status_code == 401


def test_a_wrong_key_gets_401(stand_for: StandFor) -> None:
    stand = stand_for("wrongkey")
    stand.split({"1": 100})
    assert stand.client.post(stand.path, headers={"x-api-key": "guess"}).status_code == 401


def test_a_client_cannot_pass_for_another_and_its_key_goes_no_further(stand_for: StandFor) -> None:
    stand = stand_for("spoof")
    stand.split({"1": 100})
    answer = stand.client.post(stand.path, headers={"x-client-id": "sluice"}).json()
    headers = {name.lower(): value for name, value in answer["headers"].items()}
    assert headers["x-client-id"] == "demo"
    assert "x-api-key" not in headers


def test_a_new_key_works_without_a_restart(stand_for: StandFor) -> None:
    stand = stand_for("newkey")
    stand.split({"1": 100})
    before = stand.home.keys.read_text()
    try:
        stand.home.keys.write_text(json.dumps(json.loads(before) | {"third": "third-key"}))
        credentials.apply_client_keys(stand.home)
        discovery.publish(stand.home)
        admin.wait_for_routes(stand.home)
        assert stand.client.post(stand.path, headers={"x-api-key": "third-key"}).is_success
    finally:
        stand.home.keys.write_text(before)
        credentials.apply_client_keys(stand.home)
        discovery.publish(stand.home)
        admin.wait_for_routes(stand.home)


def test_a_damaged_key_file_does_not_stand_between_a_release_and_its_rollback(
    stand_for: StandFor,
) -> None:
    stand = stand_for("damaged")
    stand.split({"1": 90, "2": 10})
    before = stand.home.keys.read_text()
    stand.home.keys.write_text("{")
    try:
        stand.split({"1": 100})
        assert stand.client.post(stand.path).headers["x-model-version"] == "1"
    finally:
        stand.home.keys.write_text(before)


def test_the_answer_names_the_version_that_gave_it(stand_for: StandFor) -> None:
    stand = stand_for("named")
    stand.split({"1": 50, "2": 50})
    for _ in range(20):
        answer = stand.client.post(stand.path)
        assert answer.headers["x-model-version"] == answer.json()["version"]


@pytest.fixture(scope="module")
def operator(platform: Platform) -> Iterator[str]:
    """A client with an operator's key."""
    platform.gateway.add("ops", "operator")
    yield "ops"
    platform.gateway.revoke("ops")


PIN = {"x-model-version": "2"}


def test_the_pin_header_of_an_operator_reaches_a_version_without_traffic(
    stand_for: StandFor, operator: str
) -> None:
    stand = stand_for("pinned")
    stand.split({"1": 100})
    for client in (operator, "sluice"):
        answer = stand.client.post(stand.path, headers=PIN | stand.key(client))
        assert (answer.json()["version"], answer.headers["x-model-version"]) == ("2", "2")
        assert stand.call(headers=PIN | stand.key(client)) == grpc.StatusCode.OK


@pytest.mark.parametrize("version", ["1", "2", "9", ""])
def test_a_client_cannot_choose_who_answers(stand_for: StandFor, version: str) -> None:
    stand = stand_for("unpinned")
    stand.split({"1": 100})
    pin = {"x-model-version": version}
    base = f"/v2/models/{stand.endpoint.name}"
    forged = pin | {"x-client-id": "sluice"}
    for path in (stand.path, base, f"{base}/ready", "/v1/models/unpinned:predict"):
        for headers in (pin, forged):
            refused = stand.client.post(path, headers=headers)
            assert (refused.status_code, error_of(refused)) == (403, gateway.NO_PIN)
            assert "x-model-version" not in refused.headers
    for path in ("", "/infer", "/ready") if version else ():
        assert stand.client.post(f"{base}/versions/{version}{path}").status_code == 403
    for method in ("ModelInfer", "ModelReady", "ModelMetadata"):
        assert stand.call(method=method, headers=pin) == grpc.StatusCode.PERMISSION_DENIED


def test_while_versions_are_compared_only_the_platform_names_one(
    stand_for: StandFor, operator: str
) -> None:
    stand = stand_for("compared")
    path = f"/v2/models/{stand.endpoint.name}/versions/1/infer"

    def statuses(client: str) -> set[int]:
        asked = stand.key(client)
        answers = (
            stand.client.post(path, headers=asked),
            stand.client.post(stand.path, headers=PIN | asked),
        )
        return {answer.status_code for answer in answers}

    for split, status in (({"1": 100, "2": 0}, 200), ({"1": 90, "2": 10}, 403), ({"2": 100}, 200)):
        stand.split(split)
        assert (statuses(operator), statuses("sluice")) == ({status}, {200})
    assert stand.call(headers=PIN | stand.key(operator)) == grpc.StatusCode.OK


def test_a_pin_to_an_unknown_version_gets_404_with_the_known_ones(stand_for: StandFor) -> None:
    stand = stand_for("badpin")
    stand.split({"1": 100})
    pin = {"x-model-version": "9"}
    answer = stand.client.post(stand.path, headers=pin | stand.key("sluice"))
    assert answer.status_code == 404
    assert "it has 1, 2" in answer.json()["error"]


def test_what_is_no_inference_and_no_question_about_one_is_not_forwarded(
    stand_for: StandFor,
) -> None:
    stand = stand_for("closed")
    stand.split({"1": 100})
    base = f"/v2/models/{stand.endpoint.name}"
    open_ones = [
        base,
        f"{base}/ready",
        f"{base}/infer",
        "/v1/models/closed",
        "/v1/models/closed:predict",
    ]
    assert {stand.client.post(path).status_code for path in open_ones} == {200}
    closed = [
        *(
            f"{base}/{each}"
            for each in ("load", "unload", "stats", "infer/x", "ready/../load", "x")
        ),
        *("/v1/models/closed:explain", "/v1/models/closed/infer", "/v2/repository/index"),
        *(f"/v2/repository/models/closed/{each}" for each in ("load", "unload")),
    ]
    for headers in ({}, stand.key("sluice"), PIN | stand.key("sluice")):
        answers = [stand.client.post(path, headers=headers) for path in closed]
        assert {answer.status_code for answer in answers} == {404}
        assert all(error_of(answer) for answer in answers)
    called = ("ModelReady", "ModelMetadata", "ServerLive", "ServerReady", "ServerMetadata")
    assert {stand.call(method=method) for method in called} == {grpc.StatusCode.OK}
    for method in (
        "RepositoryModelUnload",
        "RepositoryModelLoad",
        "RepositoryIndex",
        "ModelInferX",
    ):
        for headers in ({}, PIN | stand.key("sluice")):
            assert stand.call(method=method, headers=headers) == grpc.StatusCode.UNIMPLEMENTED


def test_only_a_version_s_own_answer_names_it(stand_for: StandFor) -> None:
    stand = stand_for("nameless", rps=3)
    stand.split({"1": 100})
    url = str(stand.client.base_url) + stand.path
    refused = [
        httpx.post(url, trust_env=False),
        stand.client.post(stand.path, headers={"x-api-key": "guess"}),
        stand.client.post(stand.path, content=b"x" * (2**20 + 1)),
    ]
    limited = [stand.client.post(stand.path) for _ in range(30)]
    refused += [answer for answer in limited if answer.status_code == 429]
    assert {answer.status_code for answer in refused} == {401, 413, 429}
    assert all("x-model-version" not in answer.headers for answer in refused)
    assert {each.headers["x-model-version"] for each in limited if each.is_success} == {"1"}


def test_an_unknown_endpoint_gets_404(stand_for: StandFor) -> None:
    stand = stand_for("known")
    assert stand.client.post("/v2/models/unknown/infer").status_code == 404


def test_an_endpoint_whose_name_begins_like_another_is_not_it(stand_for: StandFor) -> None:
    stand = stand_for("prefix")
    stand.split({"1": 100})
    assert stand.client.post("/v2/models/prefix-longer/infer").status_code == 404


def test_a_body_over_one_mebibyte_gets_413_and_counts_for_nobody(stand_for: StandFor) -> None:
    stand = stand_for("large")
    stand.split({"1": 100})
    assert stand.client.post(stand.path, content=b"x" * (2**20 + 1)).status_code == 413
    assert stand.client.post(stand.path, content=b"x" * 2**20).status_code == 200
    wait_until(lambda: counted(stand, "1").requests == 1)


def test_a_client_over_its_rate_gets_429_that_says_when_to_come_back(stand_for: StandFor) -> None:
    stand = stand_for("limited", rps=3)
    stand.split({"1": 100})
    answers = [stand.client.post(stand.path) for _ in range(30)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert answers[0].status_code == 200
    assert refused
    assert refused[0].headers["retry-after"] == "1"
    assert refused[0].headers["x-ratelimit-limit"].startswith("3")
    wait_until(lambda: counted(stand, "1").requests == len(answers) - len(refused))


def test_one_clients_rate_is_not_anothers(stand_for: StandFor) -> None:
    stand = stand_for("fair", rps=3)
    stand.split({"1": 100})
    assert any(stand.client.post(stand.path).status_code == 429 for _ in range(30))
    other = json.loads(stand.home.keys.read_text())["sluice"]
    assert stand.client.post(stand.path, headers={"x-api-key": other}).status_code == 200


def test_the_observed_split_is_the_asked_one(stand_for: StandFor) -> None:
    stand = stand_for("split")
    stand.split({"1": 90, "2": 10})
    seen = Counter(stand.client.post(stand.path).headers["x-model-version"] for _ in range(1000))
    # 99.9 % band of a binomial with n = 1000, p = 0.1, by the normal approximation.
    assert abs(seen["2"] - 100) <= 3.29 * (1000 * 0.1 * 0.9) ** 0.5


def test_no_request_fails_while_the_split_changes_and_each_change_takes_under_a_second(
    stand_for: StandFor,
) -> None:
    stand = stand_for("steps")
    stand.split({"1": 100})
    over = threading.Event()
    statuses: Counter[int] = Counter()

    def send() -> None:
        with httpx.Client(headers=stand.client.headers, trust_env=False) as client:
            while not over.is_set():
                statuses[client.post(str(stand.client.base_url) + stand.path).status_code] += 1

    def more_than(answers: int) -> bool:
        return statuses.total() > answers

    sender = threading.Thread(target=send)
    sender.start()
    try:
        for share in (10, 25, 50, 75, 100, 50, 0):
            enough = statuses.total() + 20
            stand.split({"1": 100 - share, "2": share})
            wait_until(partial(more_than, enough))
    finally:
        over.set()
        sender.join()
    assert set(statuses) == {200}


def test_the_split_of_a_gateway_that_does_not_follow_is_never_reported_as_applied(
    stand_for: StandFor,
) -> None:
    stand = stand_for("stubborn")
    stand.split({"1": 100})
    with pytest.raises(PlatformError, match=r"shows \{'1': 100\}"):
        stand.platform.traffic.wait_in_force(stand.endpoint.name, {"1": 50, "2": 50}, 0.2)


def test_an_empty_split_takes_the_route_away(stand_for: StandFor) -> None:
    stand = stand_for("removed")
    stand.split({"1": 100})
    stand.split({})
    assert stand.platform.traffic.weights(stand.endpoint.name) == {}
    assert stand.client.post(stand.path).status_code == 404


@pytest.mark.parametrize("weights", [{"1": 90}, {"1": 101, "2": -1}, {"1": 50, "9": 50}])
def test_a_split_that_cannot_be_is_refused_and_changes_nothing(
    stand_for: StandFor, weights: dict[str, int]
) -> None:
    stand = stand_for("refused")
    stand.split({"1": 100})
    with pytest.raises(PlatformError):
        stand.platform.traffic.set_weights(stand.endpoint.name, weights)
    assert stand.platform.traffic.weights(stand.endpoint.name) == {"1": 100}


def test_a_version_that_stays_with_nothing_is_kept_beside_the_others_and_so_are_its_counters(
    stand_for: StandFor,
) -> None:
    stand = stand_for("nothing")
    stand.split({"1": 0, "2": 100})
    for _ in range(3):
        stand.client.post(stand.path)
    stand.split({"1": 100, "2": 0})
    assert stand.platform.traffic.weights(stand.endpoint.name) == {"1": 100, "2": 0}
    assert routes.split_in(admin.dump_routes(stand.home), "nothing") == {"1": 100, "2": 0}
    seen = {stand.client.post(stand.path).headers["x-model-version"] for _ in range(50)}
    assert seen == {"1"}
    wait_until(lambda: counted(stand, "1").requests == 50)
    assert counted(stand, "2").requests == 3


def test_a_version_without_a_predictor_may_be_present_with_nothing(stand_for: StandFor) -> None:
    stand = stand_for("absent")
    stand.split({"1": 100, "9": 0})
    assert stand.platform.traffic.weights(stand.endpoint.name) == {"1": 100, "9": 0}
    assert stand.client.post(stand.path).status_code == 200


def test_a_split_without_limits_keeps_the_route_s(stand_for: StandFor) -> None:
    stand = stand_for("keeps", rps=3)
    stand.split({"1": 100})
    stand.platform.traffic.set_weights(stand.endpoint.name, {"2": 100})
    stand.platform.traffic.wait_in_force(stand.endpoint.name, {"2": 100}, timeout=1.0)
    assert any(stand.client.post(stand.path).status_code == 429 for _ in range(30))


def test_a_new_route_needs_limits(stand_for: StandFor) -> None:
    stand = stand_for("unlimited")
    with pytest.raises(PlatformError, match="needs limits"):
        stand.platform.traffic.set_weights(stand.endpoint.name, {"1": 100})
    stand.split({"1": 100})
    stand.split({})
    with pytest.raises(PlatformError, match="needs limits"):
        stand.platform.traffic.set_weights(stand.endpoint.name, {"1": 100})


def test_a_key_is_in_force_when_it_was_made_and_refused_when_it_was_taken(
    stand_for: StandFor,
) -> None:
    stand = stand_for("clients")
    stand.split({"1": 100})
    keys = stand.platform.gateway

    def status(key: str) -> int:
        return stand.client.post(stand.path, headers={"x-api-key": key}).status_code

    assert keys.url == str(stand.client.base_url).rstrip("/")
    others = keys.clients()
    assert (others["demo"], others["sluice"]) == ("client", "platform")
    keys.add("fourth")
    try:
        assert keys.clients() == others | {"fourth": "client"}
        first = keys.key("fourth")
        assert status(first) == 200
        keys.rotate("fourth")
        assert (status(first), status(keys.key("fourth"))) == (401, 200)
        with pytest.raises(InputError, match="has a key already"):
            keys.add("fourth")
        last = keys.key("fourth")
    finally:
        keys.revoke("fourth")
    assert status(last) == 401
    assert keys.clients() == others
    keys.revoke("fourth")
    with pytest.raises(InputError, match="has no key: 'sluice keys add fourth'"):
        keys.rotate("fourth")


@pytest.mark.parametrize("name", ["", "two words", "new\nline", "-dash", "ümlaut", "x" * 64])
def test_a_name_that_cannot_be_a_client_s_is_refused(platform: Platform, name: str) -> None:
    before = platform.gateway.clients()
    with pytest.raises(InputError, match="cannot be a client's name"):
        platform.gateway.add(name)
    assert platform.gateway.clients() == before


def test_a_failed_answer_is_an_error_and_a_refused_one_is_not(stand_for: StandFor) -> None:
    stand = stand_for("errors")
    stand.split({"1": 100})
    for status in (200, 400, 404, 422, 500, 503):
        stand.client.post(stand.path, headers={"x-test-status": str(status)})
    wait_until(lambda: counted(stand, "1").requests + counted(stand, "1").refused == 6)
    found = counted(stand, "1")
    assert (found.requests, found.errors, found.refused) == (3, 2, 3)


def test_an_answer_that_a_dead_predictor_did_not_give_is_its_error(stand_for: StandFor) -> None:
    stand = stand_for("dead", own=True)
    stand.split({"1": 100})
    stand.upstreams["1"].stop()
    assert stand.client.post(stand.path).status_code == 503
    assert stand.call() == grpc.StatusCode.UNAVAILABLE
    wait_until(lambda: counted(stand, "1").errors == 1)
    wait_until(lambda: counted(stand, "1", "envoy/grpc").errors == 1)


def test_pinned_requests_and_questions_for_metadata_are_not_the_users_traffic(
    stand_for: StandFor,
) -> None:
    stand = stand_for("aside")
    stand.split({"1": 100})
    for _ in range(5):
        stand.client.post(stand.path, headers={"x-model-version": "1"} | stand.key("sluice"))
        stand.client.get(f"/v2/models/{stand.endpoint.name}/ready")
    stand.call(method="ModelReady")
    stand.client.post(stand.path)
    stand.client.post(f"/v1/models/{stand.endpoint.name}:predict")
    wait_until(lambda: counted(stand, "1").requests >= 2)
    found = stand.platform.metrics.sample(stand.endpoint.name, ["1"], max_age=10)
    assert set(found.versions["1"]) == {"envoy/rest"}
    assert counted(stand, "1").requests == 2


def test_a_failed_grpc_call_is_an_error_though_its_http_status_is_200(stand_for: StandFor) -> None:
    stand = stand_for("rpc")
    stand.split({"1": 100})
    internal, invalid = 13, 3
    asked = {0: "OK", internal: "INTERNAL", invalid: "INVALID_ARGUMENT"}
    assert {status: stand.call(status).name for status in asked} == asked
    wait_until(lambda: counted(stand, "1", "envoy/grpc").requests == 2)
    wait_until(lambda: counted(stand, "1", "envoy/grpc").refused == 1)
    # A histogram is flushed later than its counter.
    wait_until(lambda: counted(stand, "1", "envoy/grpc").buckets.get("+Inf") == 2)
    assert counted(stand, "1", "envoy/grpc").errors == 1
    assert counted(stand, "1").requests == 0


def test_latencies_fall_into_their_buckets(stand_for: StandFor) -> None:
    stand = stand_for("slow")
    stand.split({"1": 100})
    for _ in range(3):
        stand.client.post(stand.path, headers={"x-test-sleep": "0.41"})
    stand.client.post(stand.path)
    wait_until(lambda: counted(stand, "1").buckets.get("+Inf") == 4)
    buckets = counted(stand, "1").buckets
    assert (buckets["310"], buckets["40000"]) == (1, 4)


def test_a_version_without_requests_has_counters_of_zero(stand_for: StandFor) -> None:
    stand = stand_for("idle")
    stand.split({"1": 100})
    wait_until(lambda: counted(stand, "2").buckets != {})
    assert counted(stand, "2").requests == 0
    assert set(counted(stand, "2").buckets.values()) == {0.0}


def test_a_version_is_taken_away_only_after_its_last_answer(stand_for: StandFor) -> None:
    stand = stand_for("drained")
    stand.split({"1": 100})
    answers: list[int] = []
    slow = {"x-test-sleep": "1.5"}

    def send() -> None:
        url = str(stand.client.base_url) + stand.path
        headers = {**stand.client.headers, **slow}
        answers.append(httpx.post(url, headers=headers, timeout=10, trust_env=False).status_code)

    sender = threading.Thread(target=send)
    sender.start()
    active = rf"^cluster\.{stand.endpoint.name}-v1\.upstream_rq_active$"
    wait_until(lambda: sum(admin.counters(stand.home, active).values()) == 1)
    stand.split({"2": 100})
    backend = stand.forget("1")
    discovery.publish(stand.home)
    admin.wait_for_routes(stand.home)
    with pytest.raises(PlatformError, match="still answers 1 requests"):
        discovery.drain(stand.home, backend, timeout=0)
    discovery.drain(stand.home, backend, timeout=10)
    discovery.prune(stand.home)
    sender.join()
    assert answers == [200]
    assert stand.client.post(stand.path).status_code == 200


def test_the_dump_of_the_gateways_configuration_shows_no_key(stand_for: StandFor) -> None:
    stand = stand_for("redacted")
    key = stand.client.headers["x-api-key"]
    with httpx.Client(
        transport=httpx.HTTPTransport(uds=str(envoy_server.admin_socket(stand.home)))
    ) as admin:
        dumped = admin.get("http://admin/config_dump").text
    assert "redacted" in dumped
    assert key not in dumped


def error_of(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/json", answer.text
    assert list(answer.json()) == ["error"]
    return str(answer.json()["error"])


def test_what_the_gateway_itself_refuses_has_the_form_of_every_other_error(
    stand_for: StandFor,
) -> None:
    stand = stand_for("formal", rps=3, own=True)
    stand.split({"1": 100})
    stand.upstreams["1"].stop()
    url = str(stand.client.base_url) + stand.path
    found = {
        401: httpx.post(url, trust_env=False),
        404: stand.client.post("/nothing"),
        413: stand.client.post(stand.path, content=b"x" * (2**20 + 1)),
        503: stand.client.post(stand.path),
    }
    assert {status: answer.status_code for status, answer in found.items()} == {s: s for s in found}
    limited = [stand.client.post(stand.path) for _ in range(30)]
    for answer in (*found.values(), *(each for each in limited if each.status_code == 429)):
        assert error_of(answer)
    assert 429 in {answer.status_code for answer in limited}


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"NO HTTP AT ALL\r\n\r\n",
        b"GET /%00 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /v2/models/broken HTTP/1.1\r\nhost: x\r\nx: " + b"x" * 100_000 + b"\r\n\r\n",
    ],
    ids=["no host", "no HTTP", "no path", "large headers"],
)
def test_what_is_no_request_gets_the_same_form(stand_for: StandFor, request_: bytes) -> None:
    stand = stand_for("broken")
    with socket.create_connection(("127.0.0.1", stand.client.base_url.port or 0), 10) as sent:
        sent.sendall(request_)
        head, _, body = sent.recv(65536).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 4")
    assert json.loads(body)["error"]


def test_what_the_gateway_refuses_of_grpc_has_its_reason_in_plain_words(
    stand_for: StandFor,
) -> None:
    stand = stand_for("wordy")
    address = f"127.0.0.1:{stand.client.base_url.port}"
    with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")(b"", timeout=10)
    assert caught.value.details() == "Client authentication failed."


def test_an_answer_may_take_as_long_as_the_endpoint_s_file_says_and_no_longer(
    stand_for: StandFor,
) -> None:
    """Envoy's own timer for silent streams, 60 s where nobody sets it, follows the route's."""
    stand = stand_for("patient")
    stand.split({"1": 100})
    late = stand.client.post(stand.path, headers={"x-test-sleep": "9"}, timeout=30)
    assert (late.status_code, error_of(late)) == (504, "upstream request timeout")
    limits = RouteLimits(1000, timeout_s=125.0)
    stand.platform.traffic.set_weights(stand.endpoint.name, {"1": 100}, limits)
    wait_until(lambda: '"130s"' in json.dumps(admin.dump_routes(stand.home)), 5)
    routed = [
        entry["route"]
        for config in admin.dump_routes(stand.home)["configs"]
        for host in config.get("route_config", {}).get("virtual_hosts", [])
        for entry in host["routes"]
        if "route" in entry
        and entry["metadata"]["filter_metadata"]["sluice"]["endpoint"] == "patient"
    ]
    assert {(each["timeout"], each["idle_timeout"]) for each in routed} == {("125s", "130s")}


@pytest.mark.parametrize("head", [b"", b"host: x\r\n"], ids=["no host", "host"])
def test_a_client_that_speaks_http_1_0_is_answered(stand_for: StandFor, head: bytes) -> None:
    stand = stand_for("old")
    stand.split({"1": 100})
    key = stand.client.headers["x-api-key"].encode()
    request = b"POST %s HTTP/1.0\r\n%sx-api-key: %s\r\ncontent-length: 2\r\n\r\n{}"
    with socket.create_connection(("127.0.0.1", stand.client.base_url.port or 0), 10) as sent:
        sent.sendall(request % (stand.path.encode(), head, key))
        received = b""
        while chunk := sent.recv(65536):
            received += chunk
    assert b" 200 OK" in received.partition(b"\r\n")[0]
    assert b'"version": "1"' in received


def test_a_version_in_the_path_is_asked_past_the_split_and_is_not_the_users_traffic(
    stand_for: StandFor,
) -> None:
    stand = stand_for("by-path")
    stand.split({"1": 100})
    path = "/v2/models/by-path/versions"
    for version in ("1", "2", "2"):
        for rest in ("/infer", "", "/ready"):
            answer = stand.client.post(f"{path}/{version}{rest}", headers=stand.key("sluice"))
            assert answer.headers["x-model-version"] == answer.json()["version"] == version
    unknown = stand.client.post(f"{path}/22/infer", headers=stand.key("sluice"))
    assert unknown.status_code == 404
    assert error_of(unknown) == "by-path has no such version: it has 1, 2"
    stand.client.post(stand.path)
    wait_until(lambda: counted(stand, "1").requests >= 1)
    assert (counted(stand, "1").requests, counted(stand, "2").requests) == (1, 0)


def test_head_reaches_the_predictor(stand_for: StandFor) -> None:
    stand = stand_for("headed")
    stand.split({"1": 100})
    assert stand.client.head("/v2/models/headed/ready").status_code == 200


def test_a_request_that_a_client_gave_up_is_a_failure_of_the_version(stand_for: StandFor) -> None:
    stand = stand_for("gaveup")
    stand.split({"1": 100})
    assert stand.client.post(stand.path).status_code == 200
    for _ in range(3):
        with pytest.raises(httpx.ReadTimeout):
            stand.client.post(stand.path, headers={"x-test-sleep": "3"}, timeout=0.5)
    wait_until(lambda: counted(stand, "1").unanswered == 3)
    found = counted(stand, "1")
    assert (found.requests, found.errors, found.buckets["+Inf"]) == (4, 3, 1)


def test_an_answer_that_begins_and_does_not_end_is_a_failure_of_the_version(
    stand_for: StandFor,
) -> None:
    stand = stand_for("stalls")
    stand.split({"1": 100})
    assert stand.client.post(stand.path).status_code == 200
    with pytest.raises(httpx.ReadTimeout):
        stand.client.post(stand.path, headers={"x-test-stall": "3"}, timeout=0.5)
    wait_until(lambda: counted(stand, "1").unanswered == 1)
    found = counted(stand, "1")
    assert (found.requests, found.errors, found.buckets["+Inf"]) == (2, 1, 1)


def test_a_client_that_sends_or_reads_slowly_is_nobodys_latency_and_no_failure(
    stand_for: StandFor,
) -> None:
    stand = stand_for("dawdling")
    stand.split({"1": 100})
    key = stand.client.headers["x-api-key"].encode()
    head = b"POST %s HTTP/1.1\r\nhost: x\r\nx-api-key: %s\r\ncontent-length: 2\r\n\r\n{"
    with socket.create_connection(("127.0.0.1", stand.client.base_url.port or 0), 10) as sent:
        sent.sendall(head % (stand.path.encode(), key))
        # The gateway has the head alone; that it takes a second is what is measured.
        sent.settimeout(1)
        with pytest.raises(TimeoutError):
            sent.recv(1)
        sent.settimeout(10)
        sent.sendall(b"}")
        # Read to its end: a client that leaves within an answer is another case.
        answer = http.client.HTTPResponse(sent)
        answer.begin()
        assert answer.status == httpx.codes.OK
        answer.read()
    wait_until(lambda: counted(stand, "1").buckets.get("+Inf") == 1)
    found = counted(stand, "1")
    assert (found.requests, found.errors, found.buckets["490"]) == (1, 0, 1)


def test_a_grpc_call_that_a_client_gave_up_is_a_failure_of_the_version(
    stand_for: StandFor, tmp_path: Path
) -> None:
    stand, arrived = stand_for("gaveuprpc"), tmp_path / "arrived"
    stand.split({"1": 100})
    with grpc.insecure_channel(stand.client.base_url.netloc.decode()) as channel:
        call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        metadata = [
            ("x-api-key", stand.client.headers["x-api-key"]),
            ("x-sluice-endpoint", stand.endpoint.name),
            ("x-test-sleep", "5"),
            ("x-test-arrived", str(arrived)),
        ]
        given_up = call.future(b"", metadata=metadata)
        # What is given up before it was sent on is nobody's.
        wait_until(arrived.exists, what="the call")
        given_up.cancel()
    wait_until(lambda: counted(stand, "1", "envoy/grpc").unanswered == 1)
    assert counted(stand, "1", "envoy/grpc").errors == 1


def test_what_a_version_refused_is_a_class_of_its_own(stand_for: StandFor) -> None:
    stand = stand_for("refusing")
    stand.split({"1": 100})
    for status in (200, 400, 404, 422, 503):
        stand.client.post(stand.path, headers={"x-test-status": str(status)})
    wait_until(lambda: counted(stand, "1").requests == 2)
    wait_until(lambda: counted(stand, "1").buckets.get("+Inf") == 2)
    found = counted(stand, "1")
    assert (found.errors, found.refused, found.unanswered) == (1, 3, 0)


def test_when_the_gateway_began_is_known(stand_for: StandFor) -> None:
    stand = stand_for("born")
    stand.split({"1": 100})
    wait_until(lambda: counted(stand, "1").born is not None)
    born = [counted(stand, "1").born or 0.0 for _ in range(3)]
    assert max(born) - min(born) < 3
    assert 0 < time.time() - born[0] < 24 * 3600


def test_no_route_sends_a_request_once_more(stand_for: StandFor) -> None:
    stand = stand_for("retries")
    stand.split({"1": 100})
    for entry in json.loads(envoy_server.routes_file(stand.home).read_text())["resources"][0][
        "virtual_hosts"
    ][0]["routes"]:
        policy = entry.get("route", {}).get("retry_policy", {"retry_on": gateway.RETRY_ON})
        assert policy["retry_on"] == gateway.RETRY_ON
    assert counted(stand, "1").retried == 0

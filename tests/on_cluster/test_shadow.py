"""Copies of users' requests, and what others have in an endpoint's route, on a cluster."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from cluster.api import Api
from cluster.kinds import BACKEND_TRAFFIC_POLICY, HTTP_ROUTE, INFERENCE_SERVICE, Object
from cluster.names import object_name, predictor_name
from cluster.places import service
from components import gateway
from components.arms import shadow_of
from components.endpoint import Endpoint
from components.errors import InputError
from components.platform import Mirror
from components.record import MirrorSet, Noted, Shadowed, WeightsSet, of
from components.release.operating import roll_back
from components.release.overflow import OVERFLOW
from tests.support.killing import pods
from tests.support.present import present
from tests.support.rigs import BODY, KubernetesRig
from tests.support.road import LONGEST_S, Place, Road, released
from tests.support.sleeping import ask
from tests.support.users import asking, crowding
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(1200)]

RPS = 20
SCRAPE_S = 1.0
"""`manifests/base/prometheus-settings.yaml`."""
CROWD = 16
"""Clients at once, for a gateway that lets a version have one request, and one more wait."""
TENANT = {"x-tenant": "blue"}
RELEASE: dict[str, Any] = {
    "steps": [50, 100],
    # A narrower limit may take ten seconds to every proxy.
    "watch": "40s",
    "poll": "2s",
    "lease": "60s",
    "shadow": {"watch": "10s", "percent": 100},
    # Two predictors share two cores: no latency decides here.
    "judge": {"method": "threshold", "min_requests": 60, "p95_ratio": 10},
}
LISTENS = """
import http.server, json

class Listens(http.server.BaseHTTPRequestHandler):
    heard = []

    def answer(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        body = json.dumps(self.heard).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = answer

    def do_POST(self):
        self.heard.append({name.lower(): value for name, value in self.headers.items()})
        self.answer()

http.server.ThreadingHTTPServer(("", 8080), Listens).serve_forever()
"""
"""A predictor that keeps the headers of what is posted, and answers with them."""


def add_foreign(api: Api, team: str, endpoint: str) -> Object:
    """What another team might add to a route: a rule for a header, and a third backend.

    Returns:
        The rule.
    """
    found = present(api.get(HTTP_ROUTE, team, object_name(endpoint)))
    rules = found["spec"]["rules"]
    to = {"group": "", "kind": "Service", "name": service(endpoint, "1"), "port": 80}
    path = {"type": "Exact", "value": f"/v2/models/{endpoint}/infer"}
    named = [{"type": "Exact", "name": name, "value": value} for name, value in TENANT.items()]
    rule = {"matches": [{"path": path, "headers": named}], "backendRefs": [{**to, "weight": 1}]}
    rules[0]["backendRefs"].append({**to, "weight": 1})
    patch = {
        "metadata": {"resourceVersion": found["metadata"]["resourceVersion"]},
        "spec": {"rules": [*rules, rule]},
    }
    api.merge(HTTP_ROUTE, team, object_name(endpoint), patch)
    return rule


def foreign(api: Api, team: str, endpoint: str) -> tuple[list[Object], list[Object]]:
    """The rules for a tenant, and the backends of users' requests that set no header of ours."""
    rules = present(api.get(HTTP_ROUTE, team, object_name(endpoint)))["spec"]["rules"]
    tenants = [
        each
        for each in rules
        if any(h["name"] in TENANT for m in each["matches"] for h in m.get("headers") or [])
    ]
    return tenants, [each for each in rules[0]["backendRefs"] if not each.get("filters")]


def asked_as_tenant(rig: KubernetesRig, endpoint: str) -> httpx.Response:
    return rig.post(endpoint, rig.key, headers=TENANT)


def test_copies_are_marked_and_what_others_have_in_the_route_stays(
    on_cluster: KubernetesRig, kubernetes: Api
) -> None:
    rig, endpoint = on_cluster, on_cluster.endpoint("copied")
    name, traffic = endpoint.name, on_cluster.platform.traffic
    try:
        for version in ("1", "2"):
            rig.create(endpoint, version)
        listen(kubernetes, rig, name, "2")
        rig.split(name, {"1": 100})
        add_foreign(kubernetes, rig.namespace, name)
        rig.wait(lambda: tenant_is_served(rig, name), "the tenant's rule", 20)
        before = foreign(kubernetes, rig.namespace, name)
        assert [len(each) for each in before] == [1, 1]
        traffic.set_mirror(name, Mirror("2", 100))
        traffic.wait_in_force(name, {"1": 100}, timeout=10)
        forged = {gateway.SHADOW_HEADER: "1"}
        answers = [rig.post(name, rig.key, headers=forged) for _ in range(20)]
        assert {each.headers.get(gateway.VERSION_HEADER) for each in answers} == {"1"}
        assert {each.status_code for each in answers} == {200}
        rig.wait(lambda: len(heard(rig, name)) == 20, "20 copies", 20)
        assert {each.get(gateway.SHADOW_HEADER) for each in heard(rig, name)} == {"2"}
        assert foreign(kubernetes, rig.namespace, name) == before
        assert tenant_is_served(rig, name)
        assert len(heard(rig, name)) == 20  # a tenant's request is none of ours
        rig.split(name, {"1": 50, "2": 50})
        assert foreign(kubernetes, rig.namespace, name) == before
        assert tenant_is_served(rig, name)
    finally:
        rig.remove(name)


def tenant_is_served(rig: KubernetesRig, endpoint: str) -> bool:
    """Whether the rule of the tenant's is in force: its backend sets no header of ours."""
    answer = asked_as_tenant(rig, endpoint)
    return answer.status_code == 200 and gateway.VERSION_HEADER not in answer.headers


def listen(api: Api, rig: KubernetesRig, endpoint: str, version: str) -> None:
    """Let the version's predictor keep what it is asked."""
    name = predictor_name(endpoint, version)
    label = {"serving.kserve.io/inferenceservice": name}
    before = {each["metadata"]["uid"] for each in pods(api, rig.namespace, label)}
    found = present(api.get(INFERENCE_SERVICE, rig.namespace, name))
    container: Object = found["spec"]["predictor"]["containers"][0]
    container |= {"command": ["python3", "-c", LISTENS], "args": []}
    patch = {"spec": {"predictor": {"containers": [container]}}}
    api.merge(INFERENCE_SERVICE, rig.namespace, name, patch)

    def replaced() -> bool:
        now = {each["metadata"]["uid"] for each in pods(api, rig.namespace, label)}
        return bool(now) and now.isdisjoint(before)

    rig.wait(replaced, "who listens", 120)


def heard(rig: KubernetesRig, endpoint: str) -> list[dict[str, str]]:
    """The headers of what was posted to version 2."""
    url = rig.platform.serving.url(endpoint, "2")
    found: list[dict[str, str]] = httpx.get(f"{url}/heard", trust_env=False, timeout=10).json()
    return found


@pytest.fixture(scope="module")
def team(place: Place) -> Iterator[Road]:
    """An endpoint whose version 1 was released."""
    with released(*place, "shades", **RELEASE) as made:
        yield made


def test_what_the_proxy_refuses_by_itself_is_told(team: Road, on_cluster: KubernetesRig) -> None:
    key, limits = on_cluster.key, (BACKEND_TRAFFIC_POLICY, team.team, object_name(team.endpoint))

    def told() -> list[str]:
        return [each.detail for each in of(release.lines(), Noted) if each.event == OVERFLOW]

    before = present(team.api.get(*limits))["spec"]["circuitBreaker"]
    narrow = dict.fromkeys(before, 1)
    with asking(team.platform, team.endpoint, key, RPS), team.begun("2") as release:
        wait_until(lambda: release.has_polled("2"), LONGEST_S, "a poll of the watch")
        team.api.merge(*limits, {"spec": {"circuitBreaker": narrow}})
        try:
            with crowding(team.platform, team.endpoint, key, CROWD):
                wait_until(lambda: bool(told()), 60, "what the proxy refused")
        finally:
            team.api.merge(*limits, {"spec": {"circuitBreaker": before}})
        with suppress(InputError):  # the judge was faster
            roll_back(team.platform, team.endpoint, "seen", release.release_id)
        assert team.ended(release) == "rolled_back", release.state().reason
    assert "pending_overflow" in told()[0]
    assert team.platform.traffic.weights(team.endpoint) == {"1": 100}


def test_a_shadow_comes_before_the_first_share_and_counts_for_no_user(
    team: Road, on_cluster: KubernetesRig
) -> None:
    before = settled(team)
    rule = add_foreign(team.api, team.team, team.endpoint)
    with (
        asking(team.platform, team.endpoint, on_cluster.key, RPS) as asked,
        team.begun("2") as release,
    ):
        wait_until(
            lambda: release.exists() and bool(release.state().shadowed), LONGEST_S, "a shadow"
        )
        assert foreign(team.api, team.team, team.endpoint)[0][0]["matches"] == rule["matches"]
        assert team.ended(release) == "promoted", release.state().reason
        tenants, third = foreign(team.api, team.team, team.endpoint)
    assert (len(tenants), len(third)) == (1, 1)
    lines = release.lines()
    [mirrored] = of(lines, MirrorSet)
    assert (mirrored.version, mirrored.percent) == ("2", 100)
    share = next(
        line.at
        for line in lines
        if isinstance(line.body, WeightsSet) and line.body.weights.get("2")
    )
    copies = [
        sum(each.requests for each in shadow.poll.sources[shadow_of("2")].values() if each)
        for shadow in of(lines, Shadowed)
    ]
    assert copies[-1] >= 60
    assert of(lines, Shadowed)[-1].verdict.decision == "PROMOTE"
    # The split is in force a moment before the record has it.
    assert {each.version for each in asked if each.due < share - 2} == {"1"}
    assert Counter(each.status for each in asked) == {200: len(asked)}
    by_version = Counter(each.version for each in asked)

    def since() -> dict[str, float]:
        return {arm: requests - before[arm] for arm, requests in counted(team).items()}

    with suppress(AssertionError):  # both sides are shown below
        wait_until(lambda: since() == dict(by_version), 60)
    assert since() == dict(by_version)


def settled(team: Road) -> dict[str, float]:
    """What was counted of earlier users, once the last of them is scraped."""
    seen = [counted(team)]

    def stands() -> bool:
        team.platform.clock.sleep(2 * SCRAPE_S)
        seen.append(counted(team))
        return seen[-1] == seen[-2]

    wait_until(stands, 60, "counters that stand")
    return seen[-1]


def counted(team: Road) -> dict[str, float]:
    """Users' requests so far, by version."""
    read = team.platform.metrics.sample(team.endpoint, ["1", "2"], 30.0).versions
    return {
        arm: sum(each.requests for each in sources.values() if each)
        for arm, sources in read.items()
    }


def test_an_answer_takes_as_long_as_the_endpoint_s_file_says_and_no_longer(
    on_cluster: KubernetesRig, sleeper: Endpoint
) -> None:
    def asked(seconds: float) -> tuple[int, float]:
        answer, took = ask(on_cluster, sleeper.name, seconds)
        return answer.status_code, took

    assert asked(0)[0] == 200
    status, took = asked(40)
    assert (status, took >= 40) == (200, True)
    status, took = asked(90)
    assert (status, took < 90) == (504, True)


def test_a_body_of_one_mebibyte_reaches_a_shadow_and_one_beyond_reaches_nobody(
    on_cluster: KubernetesRig,
) -> None:
    rig, endpoint = on_cluster, on_cluster.endpoint("large")
    shadow = shadow_of("2")

    def copies() -> float:
        read = rig.platform.metrics.sample(endpoint.name, [shadow], 30.0).versions[shadow]
        return sum(each.requests for each in read.values() if each)

    try:
        for version in ("1", "2"):
            rig.create(endpoint, version)
        rig.split(endpoint.name, {"1": 100})
        rig.platform.traffic.set_mirror(endpoint.name, Mirror("2", 100))
        rig.platform.traffic.wait_in_force(endpoint.name, {"1": 100}, timeout=10)
        large = BODY.ljust(gateway.MAX_BODY_BYTES)
        assert rig.post(endpoint.name, rig.key, content=large).status_code == 200
        rig.wait(lambda: copies() == 1, "its copy", 30)
        beyond = large + b" "
        assert rig.post(endpoint.name, rig.key, content=beyond).status_code == 413
    finally:
        rig.remove(endpoint.name)

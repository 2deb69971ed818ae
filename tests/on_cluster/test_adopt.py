"""An InferenceService of a team's becomes an endpoint's champion while users ask."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from cluster.adoption.asking import adoption
from cluster.api import Api
from cluster.inference_services import inference_service
from cluster.kinds import CONFIG_MAP, EVENT, HTTP_ROUTE, INFERENCE_SERVICE, POD, Object
from cluster.names import object_name
from cluster.settings import read
from components.endpoint import Endpoint
from components.platform import Platform
from components.registry import names
from tests.support.bundles import write_bundle
from tests.support.present import present
from tests.support.releases import sluice
from tests.support.rigs import KubernetesRig
from tests.support.users import asking
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

RPS = 50
NEXT = "2"
AROUND_S = 3.0
"""How long users ask before and after."""
BETA = {
    "matches": [{"path": {"type": "Exact", "value": "/beta"}}],
    "filters": [
        {"type": "RequestRedirect", "requestRedirect": {"statusCode": 302, "hostname": "beta"}}
    ],
}
"""A rule that has nothing to do with the model."""


@dataclass(frozen=True)
class Theirs:
    """What a team has made without Sluice."""

    rig: KubernetesRig
    api: Api
    endpoint: Endpoint
    version: str
    file: Path
    route: str

    @property
    def predictor(self) -> str:
        """The InferenceService."""
        return f"own-{self.endpoint.name}"

    def adopt(self, *more: str) -> str:
        """Say it; what is said."""
        done = sluice(
            "adopt",
            str(self.file),
            "--inference-service",
            self.predictor,
            "--version",
            self.version,
            *more,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def pods(self) -> list[tuple[str, int]]:
        """Each pod of theirs, and how often it was started anew."""
        own = {"serving.kserve.io/inferenceservice": self.predictor}
        return [
            (each["metadata"]["uid"], each["status"]["containerStatuses"][0]["restartCount"])
            for each in self.api.list(POD, self.rig.namespace, own)
        ]

    def rules(self) -> list[Object]:
        """Those of their route."""
        found = self.api.get(HTTP_ROUTE, self.rig.namespace, self.route) or {}
        rules: list[Object] = (found.get("spec") or {}).get("rules") or []
        return rules


@pytest.fixture(params=["a route of its own name", "the endpoint's route"])
def theirs(
    request: pytest.FixtureRequest,
    on_cluster: KubernetesRig,
    as_a_user: None,
    kubernetes: Api,
    tmp_path: Path,
) -> Iterator[Theirs]:
    rig = on_cluster
    endpoint = rig.endpoint("adopted")
    own = request.param == "the endpoint's route"
    folder = write_bundle(tmp_path / "bundle")
    # Files that an earlier test had kept would not be kept again.
    (folder / "OWNER").write_text(endpoint.name)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    version = rig.register(endpoint.model, files)
    file = tmp_path / f"{endpoint.name}.yaml"
    file.write_text(yaml.safe_dump(endpoint.model_dump(mode="json")))
    route = endpoint.name if own else f"own-{endpoint.name}"
    made = Theirs(rig, kubernetes, endpoint, version, file, route)
    stored = rig.stored(endpoint, version, files)
    predictor = inference_service(endpoint, stored, version, read(kubernetes).predictor)
    annotations = predictor["metadata"]["annotations"]
    predictor["metadata"] = {
        "name": made.predictor,
        "labels": {"networking.kserve.io/visibility": "cluster-local"},
        "annotations": {k: v for k, v in annotations.items() if not k.startswith("sluice.release")},
    }
    predictor["spec"]["predictor"]["labels"] = {"team": "shop"}
    kubernetes.create(INFERENCE_SERVICE, rig.namespace, predictor)
    place = {"name": f"{made.predictor}-predictor", "port": 80}
    rule = {
        "matches": [{"path": {"type": "PathPrefix", "value": f"/v2/models/{endpoint.name}"}}],
        "backendRefs": [place],
    }
    parents = [{"name": "sluice", "namespace": "sluice-system"}]
    spec = {"parentRefs": parents, "rules": [rule] if own else [rule, BETA]}
    kubernetes.create(HTTP_ROUTE, rig.namespace, HTTP_ROUTE.object({"name": route}, spec=spec))

    def serves() -> bool:
        found = present(kubernetes.get(INFERENCE_SERVICE, rig.namespace, made.predictor))
        conditions = (found.get("status") or {}).get("conditions") or []
        said = any((each["type"], each["status"]) == ("Ready", "True") for each in conditions)
        return said and rig.ask(endpoint.name).status == 200

    try:
        wait_until(serves, 300, "an answer past Sluice")
        yield made
    finally:
        kubernetes.delete(HTTP_ROUTE, rig.namespace, route)
        rig.remove(endpoint.name)
        for kind, name in (
            (INFERENCE_SERVICE, made.predictor),
            (CONFIG_MAP, object_name(f"endpoint-{endpoint.name}")),
        ):
            kubernetes.delete(kind, rig.namespace, name)


def test_an_inference_service_that_serves_users_is_taken_over_and_no_request_fails(
    theirs: Theirs,
) -> None:
    rig, endpoint, version = theirs.rig, theirs.endpoint, theirs.version
    before, rules = theirs.pods(), theirs.rules()
    planned = json.loads(theirs.adopt("--keys-are-sent", "--dry-run", "--json"))
    assert not planned["done"]
    assert theirs.rules() == rules
    with asking(rig.platform, endpoint.name, rig.key, RPS) as outcomes:
        rig.platform.clock.sleep(AROUND_S)
        theirs.adopt("--keys-are-sent")
        assert json.loads(theirs.adopt("--json"))["steps"] == []
        rig.platform.clock.sleep(AROUND_S)
        release_another(rig, endpoint, version)
        rig.platform.clock.sleep(AROUND_S)
    assert Counter(each.status for each in outcomes) == {200: len(outcomes)}
    answered = [each.version for each in outcomes]
    assert (answered[0], answered[-1]) == (None, NEXT)
    assert version in answered
    assert theirs.pods() == before
    assert theirs.rules()[1 : len(rules)] == rules[1:]


def release_another(rig: KubernetesRig, endpoint: Endpoint, version: str) -> None:
    """Give another version all of the traffic, as a release does, and leave the first one."""
    platform, other = rig.platform, NEXT
    assert platform.traffic.weights(endpoint.name) == {version: 100}
    assert platform.serving.versions(endpoint.name) == [version]
    assert [each.arm for each in platform.serving.running(endpoint.name)] == [version]
    assert not platform.serving.room(endpoint).enough
    rig.create(endpoint, other)
    for weights in ({version: 50, other: 50}, {version: 0, other: 100}):
        rig.split(endpoint.name, weights)
    platform.serving.delete(endpoint.name, version)
    assert platform.serving.versions(endpoint.name) == [other]


@pytest.mark.long
def test_an_adoption_that_is_cut_off_after_each_step_is_gone_on_with(theirs: Theirs) -> None:
    rig, endpoint = theirs.rig, theirs.endpoint
    done: list[str] = []
    with asking(rig.platform, endpoint.name, rig.key, RPS) as outcomes:
        while steps := next_of(theirs, done):
            done += steps
        rig.platform.clock.sleep(AROUND_S)
    assert done == [
        *("keep-files", "stand-for", "stage", "reveal", "retire", "empty"),
        *("mark", "tell", "configure"),
    ]
    assert Counter(each.status for each in outcomes) == {200: len(outcomes)}
    assert outcomes[-1].version == theirs.version


def next_of(theirs: Theirs, done: list[str]) -> list[str]:
    """Do one step more; none is left if nothing was done. What is told is told at every try."""
    file = str(theirs.file)
    with adoption(file, theirs.predictor, theirs.version, keys_are_sent=True) as wanted:
        steps = wanted.plan().steps
        more = [each.does not in done for each in steps]
        until = more.index(True) + 1 if any(more) else 0
        return [each.does for each in wanted.perform(steps[:until]) if each.does not in done]


@pytest.mark.long
def test_an_adoption_is_known_to_registry_and_people(theirs: Theirs, kubernetes: Api) -> None:
    platform, endpoint = theirs.rig.platform, theirs.endpoint
    theirs.adopt("--keys-are-sent")
    assert platform.registry.alias(endpoint.model, names.CHAMPION) == theirs.version
    assert platform.endpoints.load(endpoint.name) == endpoint
    wait_until(lambda: "Adopted" in events(kubernetes, theirs), 60, "the Event")
    assert stored(platform, theirs)


def events(api: Api, theirs: Theirs) -> set[str]:
    return {
        each["reason"]
        for each in api.list(EVENT, theirs.rig.namespace)
        if each["regarding"].get("name") == object_name(theirs.endpoint.name)
    }


def stored(platform: Platform, theirs: Theirs) -> bool:
    """Whether the next release finds the files of the version that it is compared with."""
    found = platform.serving.stored(theirs.endpoint.name, theirs.version)
    return found is not None and bool(platform.files.find(found.model, found.version, found.digest))

"""What an installation lacks is found one by one, each with its mend."""

import json
import uuid
from contextlib import closing
from typing import Any

import pytest

from cluster import installation
from cluster.access import Access
from cluster.api import Api
from cluster.installation import unprogrammed
from cluster.kinds import CONFIG_MAP, NAMESPACE, REFERENCE_GRANT, Kind, Object
from cluster.places import INTERCEPTOR
from cluster.settings import Settings

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


def test_a_cluster_without_sluice_is_told_so_and_what_it_has(
    kubernetes: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking = Kind("nobody.example/v1", "Nothing", "nothings")
    monkeypatch.setitem(installation.NEEDED, "Another", (lacking,))
    found = {each.what: each for each in installation.examine(kubernetes.access, "default")}
    assert found["Kubernetes"].found.startswith("v1.")
    assert found["KServe"].fix == ""
    assert found["Another"].found == "no Nothing"
    assert "docs/installation.md" in found["Another"].fix
    assert "'kubectl apply -k manifests/overlays/...' installs it" in found["settings"].fix


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (installation.JOINED, "takes 12 letters in namespace"),
        ("{{.Name}}-{{.Namespace}}.{{.IngressDomain}}", "takes 12 letters"),
        ("", "an endpoint's name may have 0"),
        ("{{ .Name }}.{{ .Namespace }}.{{ .IngressDomain }}", ""),
    ],
)
def test_names_that_kserve_would_refuse_at_some_version_are_told_beforehand(
    kubernetes: Api, team: str, template: str, said: str
) -> None:
    data = {"ingress": json.dumps({"domainTemplate": template})}
    made = CONFIG_MAP.object({"name": installation.CONFIGURED}, data=data)
    kubernetes.apply(CONFIG_MAP, team, made)
    found = list(installation.predictor_names(kubernetes, "n" * 40, of=team))
    kubernetes.delete(CONFIG_MAP, team, installation.CONFIGURED)
    assert len(found) == bool(said)
    for each in found:
        assert said in each.found
        assert "ingress.domainTemplate" in each.fix
    assert list(installation.predictor_names(kubernetes, "n" * 40, of=team)) == []


PROGRAMMED = {"type": "Programmed", "status": "True"}
REFUSED = {"type": "Programmed", "status": "False", "reason": "Invalid", "message": "no such path"}


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ({}, "not programmed yet"),
        ({"conditions": [{"type": "Accepted", "status": "True"}]}, "not programmed yet"),
        ({"conditions": [PROGRAMMED]}, ""),
        ({"ancestors": [{"conditions": [PROGRAMMED]}]}, ""),
        ({"ancestors": [{"conditions": [REFUSED]}]}, "Invalid: no such path"),
    ],
)
def test_a_gateway_or_its_policy_is_in_force_or_says_why_not(
    status: dict[str, Any], why: str
) -> None:
    assert unprogrammed({"status": status}) == why


def test_a_team_whose_routes_may_not_lead_to_the_interceptor_is_told(
    kubernetes: Api, team: str
) -> None:
    settings = Settings.model_validate(
        {
            "store": {"uri": "s3://sluice"},
            "gateway": {"url": "https://models.example"},
            "predictor": {"image": "localhost/none:1"},
            "prometheus": "http://prometheus.example",
            "registry": "http://registry.example",
            "autoscaling": {"prometheus": "http://prometheus.example", "interceptor": team},
        }
    )
    (found,) = installation.woken(kubernetes, settings, "shop")
    assert found.what == "versions that sleep"
    assert "shop" in found.fix
    granted = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "shop"}
    spec = {"from": [granted], "to": [{"group": "", "kind": "Service"}]}
    made = REFERENCE_GRANT.object({"name": INTERCEPTOR}, spec=spec)
    kubernetes.apply(REFERENCE_GRANT, team, made)
    assert list(installation.woken(kubernetes, settings, "shop")) == []
    alone = settings.model_copy(update={"autoscaling": None})
    assert list(installation.woken(kubernetes, alone, "another")) == []


CONTENT = (
    "Some resources are remaining: inferenceservices.serving.kserve.io has 1 resource instances"
)
FINALIZERS = (
    "Some content in the namespace has finalizers remaining: inferenceservice.finalizers in 1"
    " resource instances"
)
DISCOVERY = (
    "Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server"
    " APIs: external.metrics.k8s.io/v1beta1: stale GroupVersion discovery"
)


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        ({}, [("is being deleted", "ask again")]),
        ({"NamespaceContentRemaining": CONTENT}, [("1 resource instances", "ask again")]),
        (
            {"NamespaceContentRemaining": CONTENT, "NamespaceFinalizersRemaining": FINALIZERS},
            [("inferenceservice.finalizers", "KServe's manager"), ("serving.kserve.io", "again")],
        ),
        (
            {"NamespaceDeletionDiscoveryFailure": DISCOVERY},
            [("external.metrics.k8s.io", "kubectl get apiservices")],
        ),
    ],
)
def test_what_keeps_a_namespace_that_is_being_deleted_is_named(
    kubernetes: Api, conditions: dict[str, str], said: list[tuple[str, str]]
) -> None:
    """Conditions as Kubernetes' own controller writes them."""
    name = f"kept-{uuid.uuid4().hex[:6]}"
    kubernetes.create(NAMESPACE, "", NAMESPACE.object({"name": name}))
    assert list(installation.ending(kubernetes, name)) == []
    kept = CONFIG_MAP.object({"name": "kept", "finalizers": ["example.com/nobody"]})
    kubernetes.create(CONFIG_MAP, name, kept)
    kubernetes.delete(NAMESPACE, "", name)
    try:
        with closing(Told(kubernetes.access, conditions)) as api:
            found = list(installation.ending(api, name))
    finally:
        kubernetes.merge(CONFIG_MAP, name, "kept", {"metadata": {"finalizers": None}})
    assert len(found) == len(said)
    for each, (why, mend) in zip(found, said, strict=True):
        assert each.what == f"namespace {name}"
        assert why in each.found
        assert mend in each.fix


class Told(Api):
    """Of a namespace it says what its controller may have found last."""

    def __init__(self, access: Access, conditions: dict[str, str]) -> None:
        super().__init__(access)
        self._conditions = [
            {"type": kind, "status": "True", "message": message}
            for kind, message in conditions.items()
        ]

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        found = super().get(kind, namespace, name)
        if found and kind == NAMESPACE:
            found["status"]["conditions"] = self._conditions
        return found

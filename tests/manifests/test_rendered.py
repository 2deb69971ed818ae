"""What `kubectl apply -k` would send: whole, safe, and taken by a real API server as it is."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import sizes
from cluster.api import Api
from cluster.kinds import Object
from cluster.passwords import NAMES
from cluster.passwords import objects as secrets
from cluster.settings import KEY, Settings
from components.quantity import amount
from pipelines.compiler import TEMPLATES
from pipelines.pods import ANNOTATIONS, NO_MESH
from tests.support.accounts import MANIFESTS, rendered

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

OVERLAYS = sorted(path.name for path in (MANIFESTS / "overlays").iterdir())
PODS = ("Deployment", "StatefulSet", "Job")
ELSEWHERE = {"envoy-gateway-system", "keda"}
"""Namespaces that are another's."""


def pods(overlay: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The specification of each pod, with its name."""
    for each in rendered(overlay):
        if each["kind"] in PODS:
            yield each["metadata"]["name"], each["spec"]["template"]["spec"]


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod.get("initContainers", []), *pod["containers"]]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nothing_is_left_to_be_named(overlay: str) -> None:
    text = json.dumps(rendered(overlay))
    assert "named by the overlay" not in text
    assert not re.search(r'"namespace": "team(-runs)?"', text)
    keys = [
        (e["kind"], e["metadata"].get("namespace"), e["metadata"]["name"])
        for e in rendered(overlay)
    ]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_namespace_of_ours_refuses_pods_that_are_not_restricted(overlay: str) -> None:
    found = {
        e["metadata"]["name"]: e["metadata"]["labels"]
        for e in rendered(overlay)
        if e["kind"] == "Namespace"
    }
    assert set(found) == {"sluice-system", "demo", "demo-runs"}
    for labels in found.values():
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    used = {each["metadata"].get("namespace") for each in rendered(overlay)} - {None}
    assert used - ELSEWHERE <= set(found)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_says_what_it_takes_and_may_do_little(overlay: str) -> None:
    for name, pod in pods(overlay):
        assert pod["enableServiceLinks"] is False, name
        assert pod["securityContext"]["runAsNonRoot"], name
        for each in containers(pod):
            security = each["securityContext"]
            assert security["readOnlyRootFilesystem"], name
            assert security["capabilities"] == {"drop": ["ALL"]}, name
            assert not security["allowPrivilegeEscalation"], name
            asked, most = each["resources"]["requests"], each["resources"]["limits"]
            assert {"cpu", "memory"} <= set(asked), name
            assert amount(asked["memory"]) <= amount(most["memory"]), name
            assert each["imagePullPolicy"] == "IfNotPresent", name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_mesh_puts_a_proxy_beside_what_is_to_end(overlay: str) -> None:
    """A job, or a step, whose proxy goes on never ends."""
    ends = [
        each["spec"]["template"]["metadata"] if each["kind"] == "Job" else each["spec"]
        for each in rendered(overlay)
        if each["kind"] in {"Job", "WorkflowTemplate"}
    ]
    assert len(ends) > len(TEMPLATES)
    for found in (each.get("podMetadata", each) for each in ends):
        assert found["labels"][NO_MESH] == "false"
        assert ANNOTATIONS.items() <= found["annotations"].items()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_namespace_denies_what_no_policy_names(overlay: str) -> None:
    closed = {
        each["metadata"]["namespace"]
        for each in rendered(overlay)
        if each["kind"] == "NetworkPolicy"
        and each["spec"]["podSelector"] == {}
        and set(each["spec"]["policyTypes"]) == {"Ingress", "Egress"}
        and not each["spec"].get("ingress")
        and not each["spec"].get("egress")
    }
    assert closed == {"sluice-system", "demo", "demo-runs"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_settings_are_read_and_name_this_overlay_s_listener(overlay: str) -> None:
    by_name = {(e["kind"], e["metadata"]["name"]): e for e in rendered(overlay)}
    content = by_name["ConfigMap", "sluice"]["data"][KEY]
    settings = Settings.model_validate(yaml.safe_load(content))
    (listener,) = by_name["Gateway", "sluice"]["spec"]["listeners"]
    assert listener["name"] == settings.gateway.listener
    assert settings.gateway.encrypted == (listener["protocol"] == "HTTPS")
    assert settings.gateway.encrypted == (overlay != "embedded")
    assert settings.gateway.port == 10000 + listener["port"]
    patches = by_name["EnvoyPatchPolicy", "sluice-evidence"]["spec"]["jsonPatches"]
    to = settings.gateway
    assert {each["name"] for each in patches} == {f"{to.namespace}/{to.name}/{to.listener}"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_secret_that_is_named_is_one_that_the_password_maker_or_the_docs_make(
    overlay: str,
) -> None:
    made = {
        (e["metadata"]["namespace"], e["metadata"]["name"])
        for e in secrets(dict.fromkeys(NAMES, "x"), ["demo"])
    }
    for each in rendered(overlay):
        if each["kind"] not in PODS:
            continue
        place = each["metadata"]["namespace"]
        for container in containers(each["spec"]["template"]["spec"]):
            for variable in container.get("env", []):
                named = (variable.get("valueFrom") or {}).get("secretKeyRef")
                if named and not named.get("optional"):
                    assert (place, named["name"]) in made, named


def test_the_two_lists_of_places_of_images_are_one() -> None:
    kind, production = (
        Path(MANIFESTS, "overlays", each, "images.yaml") for each in ("kind", "production")
    )
    assert kind.read_text() == production.read_text()


@pytest.mark.parametrize("overlay", ["kind", "production"])
def test_no_image_keeps_the_name_that_stands_for_it(overlay: str) -> None:
    text = json.dumps(rendered(overlay))
    left = re.findall(r'"image": "(?:sluice-[a-z]+|prometheus|envoy)"', text)
    assert left == []
    assert "image: sluice-" not in text


def test_production_names_images_by_digest_everywhere() -> None:
    """A tag that is pushed again would change what a restarted champion runs, and a later step."""
    text = json.dumps(rendered("production"))
    named = re.findall(r'"image": "([^"]+)"', text) + re.findall(r"image: \\?\"([^\"\\]+)", text)
    assert any("sluice-predictor" in image for image in named)
    # The proxies' own is Envoy Gateway's to choose.
    assert [image for image in named if "@sha256:" not in image] == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_real_api_server_takes_every_object_strictly(installed: Api, overlay: str) -> None:
    for each in rendered(overlay):
        apply_dry(installed, each)


def apply_dry(api: Api, found: Object) -> None:
    """Raises, if it is refused."""
    version, kind = found["apiVersion"], found["kind"]
    root = "apis" if "/" in version else "api"
    listed = api._client.get(f"/{root}/{version}").json()["resources"]
    resource = next(each for each in listed if each["kind"] == kind and "/" not in each["name"])
    meta = found["metadata"]
    within = f"/namespaces/{meta['namespace']}" if resource["namespaced"] else ""
    answer = api._client.patch(
        f"/{root}/{version}{within}/{resource['name']}/{meta['name']}",
        params={
            "fieldManager": "sluice-test",
            "fieldValidation": "Strict",
            "force": "true",
            "dryRun": "All",
        },
        content=json.dumps(found),
        headers={"content-type": "application/apply-patch+yaml"},
    )
    assert answer.is_success, f"{kind} {meta['name']}: {answer.text}"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_docs_say_what_each_overlay_takes(overlay: str) -> None:
    page = (MANIFESTS.parent / "docs" / "installation.md").read_text(encoding="utf-8")
    assert sizes.table(sizes.sizes(rendered(overlay))) in page

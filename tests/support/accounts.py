"""An API server asked as one of an installation's accounts, and the objects that are rendered."""

import json
import os
from collections.abc import Generator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import httpx

from cluster.api import Api
from cluster.embedded import build
from cluster.embedded.families import KUBERNETES
from cluster.embedded.home import cache as built_for
from cluster.embedded.kubectl import Kubectl, Object, load

MANIFESTS = Path(__file__).parents[2] / "manifests"
RULES = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"


def kubectl(kubeconfig: Path = Path(os.devnull)) -> Kubectl:
    """The kubectl that is built with the cluster's programs."""
    return Kubectl(
        (str(build.build(KUBERNETES, built_for()) / "kubernetes"), "kubectl"), kubeconfig
    )


@cache
def rendered(overlay: str) -> tuple[Object, ...]:
    """The objects of an overlay, as `kubectl apply -k` would have them."""
    return tuple(load(kubectl().run("kustomize", str(MANIFESTS / "overlays" / overlay))))


def manifests(ask: Kubectl) -> list[Object]:
    """All of the overlay but what names an image, which an installation has by another name."""
    found = load(ask.run("kustomize", str(MANIFESTS / "overlays" / "embedded")))
    return [each for each in found if "image" not in json.dumps(each)]


@dataclass
class _As(httpx.Auth):
    """Asks as another one: only administrators may."""

    user: str
    groups: tuple[str, ...]
    own: httpx.Auth | None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        headers = [("Impersonate-User", self.user)]
        headers += [("Impersonate-Group", each) for each in self.groups]
        request.headers = httpx.Headers([*request.headers.multi_items(), *headers])
        if self.own is None:
            yield request
        else:
            yield from self.own.auth_flow(request)


def as_account(api: Api, namespace: str, name: str) -> Api:
    """The same API server for a pod of that service account."""
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")
    return as_user(api, f"system:serviceaccount:{namespace}:{name}", *groups)


def as_user(api: Api, user: str, *groups: str) -> Api:
    """The same API server for a person."""
    auth = _As(user, (*groups, "system:authenticated"), api.access.auth)
    return Api(replace(api.access, auth=auth))


def rights(api: Api, namespace: str) -> set[tuple[str, str]]:
    """What an account may in a namespace: verb and resource, with names where only these."""
    with httpx.Client(
        base_url=api.access.server, verify=api.access.trust, auth=api.access.auth
    ) as client:
        made = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectRulesReview",
            "spec": {"namespace": namespace},
        }
        answer = client.post(RULES, json=made).raise_for_status().json()
    found = set()
    for rule in answer["status"]["resourceRules"]:
        named = rule.get("resourceNames") or [""]
        for verb in rule["verbs"]:
            for resource in rule.get("resources") or []:
                found |= {(verb, f"{resource}/{name}" if name else resource) for name in named}
    return found

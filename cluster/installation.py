"""What `sluice up` looks at: whether an installation has all that it needs. It changes nothing."""

import json
from collections.abc import Iterable, Iterator
from contextlib import closing

import httpx

from cluster import health
from cluster.access import Access
from cluster.access.forward import Forwards
from cluster.api import Api, Missing
from cluster.connect import reached
from cluster.evidence import NAME as EVIDENCE
from cluster.evidence import PATCH_POLICY
from cluster.kinds import (
    CONFIG_MAP,
    DECISION,
    GATEWAY,
    HTTP_ROUTE,
    INFERENCE_SERVICE,
    INTERCEPTOR_ROUTE,
    NAMESPACE,
    REFERENCE_GRANT,
    SCALED_OBJECT,
    SECURITY_POLICY,
    Kind,
    Object,
)
from cluster.names import LONGEST_PREDICTOR
from cluster.places import INTERCEPTOR
from cluster.settings import Settings, read, unknown
from cluster.stores import Stores
from cluster.teams import teams, unfit
from components.errors import InputError, PlatformError
from components.findings import Finding

DOCS = "docs/installation.md"
_TIMEOUT_S = 15.0

JOINED = "{{ .Name }}-{{ .Namespace }}.{{ .IngressDomain }}"
"""KServe's own ``domainTemplate``: what stands before the dot is one label of 63 letters."""
CONFIGURED = "inferenceservice-config"
"""KServe's ConfigMap."""
_LABEL = 63

NEEDED: dict[str, tuple[Kind, ...]] = {
    "Gateway API": (HTTP_ROUTE, GATEWAY),
    "Envoy Gateway": (SECURITY_POLICY, PATCH_POLICY),
    "KServe": (INFERENCE_SERVICE,),
    "Sluice's manifests": (DECISION,),
}
"""Whose kinds of objects a release is made of."""

_KEEPS = {
    "NamespaceFinalizersRemaining": "start again whoever is to take these finalizers away (KServe's"
    " manager, KEDA), and only then remove it",
    "NamespaceDeletionDiscoveryFailure": "'kubectl get apiservices' names the API that is away:"
    " start its server, or delete that APIService",
    "NamespaceDeletionGroupVersionParsingFailure": "'kubectl get apiservices' names it",
    "NamespaceDeletionContentFailure": "the message says what refuses: a webhook whose server is"
    " away is started again, or its configuration deleted",
    "NamespaceContentRemaining": "its objects are going: ask again in a minute",
}
"""By which conditions Kubernetes says what keeps a namespace, with the mends; causes first."""


def examine(access: Access, namespace: str) -> list[Finding]:
    """Look at a cluster, and at a team's namespace in it.

    Raises:
        PlatformError: the API server does not answer.
    """
    with closing(Api(access)) as api:
        version = api.version()
        found = [Finding("Kubernetes", f"{version} at {access.server}")]
        found += [_kinds(api, name, kinds) for name, kinds in NEEDED.items()]
        try:
            settings = read(api)
        except InputError as error:
            return [*found, Finding("settings", "missing or wrong", str(error))]
        others = ", ".join(unknown(api))
        mend = f"are they a later Sluice's, or misspelt? This one does nothing with {others}"
        found.append(Finding("settings", "read", mend if others else ""))
        found += [_kinds(api, name, kinds) for name, kinds in _scaled_by(settings)]
        found += team_name(namespace)
        found += predictor_names(api, namespace)
        found += _gateway(api, settings)
        found += woken(api, settings, namespace)
        found += ending(api, namespace)
        found += _team(api, namespace)
        found += _answers(api, reached(settings, Forwards(api)), namespace)
        return found + _servers(api)


def _scaled_by(settings: Settings) -> Iterator[tuple[str, tuple[Kind, ...]]]:
    """What scales versions, as the settings say, with its kinds of objects."""
    if settings.autoscaling:
        yield "KEDA", (SCALED_OBJECT,)
        if settings.autoscaling.interceptor:
            yield "KEDA's HTTP add-on", (INTERCEPTOR_ROUTE,)


def woken(api: Api, settings: Settings, namespace: str) -> Iterator[Finding]:
    """Whether the team's routes may lead to the interceptor: without, its users would get 500."""
    of = settings.autoscaling.interceptor if settings.autoscaling else ""
    if not of:
        return
    try:
        found = api.get(REFERENCE_GRANT, of, INTERCEPTOR) or {"spec": {"from": []}}
    except PlatformError:
        return  # the account may not look
    if namespace not in {each["namespace"] for each in found["spec"]["from"]}:
        yield Finding(
            "versions that sleep",
            f"routes of {namespace} may not lead to the interceptor in {of}",
            f"name {namespace} in ReferenceGrant {of}/{INTERCEPTOR}: manifests/components/keda",
        )


def _kinds(api: Api, name: str, kinds: Iterable[Kind]) -> Finding:
    missing = []
    for kind in kinds:
        try:
            api.list(kind, "default")
        except Missing:
            missing.append(kind.name)
        except PlatformError:
            continue  # the account may not look, but there is such a kind
    if missing:
        return Finding(name, f"no {', '.join(missing)}", f"install {name}: see {DOCS}")
    return Finding(name, "installed")


def team_name(namespace: str) -> Iterator[Finding]:
    """Whether a team can be called as the namespace is: its workflows' is called after it."""
    if why := unfit(namespace):
        said, mend = why.split(": ")
        yield Finding("name of the team", said, f"{mend}: make its namespaces again")


def predictor_names(api: Api, namespace: str, of: str = "kserve") -> Iterator[Finding]:
    """Whether KServe, in the namespace ``of``, takes the names of a team's predictors.

    Those of the hundred-thousandth version, too.
    """
    try:
        found = api.get(CONFIG_MAP, of, CONFIGURED)
        ingress = json.loads(((found or {}).get("data") or {}).get("ingress") or "{}")
    except (PlatformError, ValueError):
        return  # the account may not look
    template = "".join(str(ingress.get("domainTemplate") or JOINED).split())
    longest = _LABEL - len("-predictor-") - len(namespace)
    if found and "{{.Name}}-{{.Namespace}}" in template and longest < LONGEST_PREDICTOR:
        endpoint = max(0, longest - len("-v99999-baseline"))
        yield Finding(
            "names of predictors",
            f"KServe takes {longest} letters in namespace {namespace}: an endpoint's name may have"
            f" {endpoint}",
            f"set ingress.domainTemplate of ConfigMap kserve/inferenceservice-config: see {DOCS}",
        )


def _gateway(api: Api, settings: Settings) -> Iterator[Finding]:
    to = settings.gateway
    name = f"Gateway {to.namespace}/{to.name}"
    looked = ((name, GATEWAY, to.name), ("how it counts", PATCH_POLICY, EVIDENCE))
    for what, kind, named in looked:
        try:
            found = api.get(kind, to.namespace, named)
        except PlatformError as error:
            yield Finding(what, "unknown", str(error))
            continue
        why = unprogrammed(found) if found else "missing"
        mend = f"kubectl describe {kind.plural} {named} --namespace {to.namespace}"
        yield Finding(what, why or "programmed", mend if why else "")


def unprogrammed(found: Object) -> str:
    """Why a Gateway or a policy of one is not in force; empty if it is."""
    status = found.get("status") or {}
    conditions = list(status.get("conditions") or [])
    for ancestor in status.get("ancestors") or []:
        conditions += ancestor.get("conditions") or []
    its = next((each for each in conditions if each["type"] == "Programmed"), None)
    if its is None:
        return "not programmed yet"
    return "" if its["status"] == "True" else f"{its.get('reason')}: {its.get('message')}"


def ending(api: Api, namespace: str) -> Iterator[Finding]:
    """Whether the namespace is being deleted, and what keeps it."""
    try:
        found = api.get(NAMESPACE, "", namespace)
    except PlatformError:
        return  # the account may not look
    if not found or not found["metadata"].get("deletionTimestamp"):
        return
    what = f"namespace {namespace}"
    conditions = (found.get("status") or {}).get("conditions") or []
    said = {e["type"]: e.get("message", "") for e in conditions if e["status"] == "True"}
    kept = [kind for kind in _KEEPS if kind in said]
    if not kept:
        yield Finding(what, "is being deleted", "ask again in a minute, or name another namespace")
    for kind in kept:
        message = " ".join(said[kind].split())
        yield Finding(what, f"is being deleted, and kept: {message}", _KEEPS[kind])


def _team(api: Api, namespace: str) -> Iterator[Finding]:
    what = f"team {namespace}"
    try:
        known = teams(api)
        if namespace not in known:
            yield Finding(
                what,
                f"no team: there are {', '.join(known) or 'none'}",
                "set SLUICE_NAMESPACE to a team's, or install it: manifests/team",
            )
            return
    except PlatformError:
        pass  # whoever sees one namespace need not see all
    try:
        installed = api.get(SECURITY_POLICY, namespace, "sluice-users")
    except PlatformError as error:
        yield Finding(what, "unknown", str(error))
        return
    mend = f"kubectl describe job --namespace {namespace}"
    yield Finding(what, "has keys" if installed else "has no keys", "" if installed else mend)


def _answers(api: Api, settings: Settings, namespace: str) -> Iterator[Finding]:
    from obstore.exceptions import BaseError

    try:
        stores = Stores(settings.store, api, namespace)
        stores.open(stores.bucket).list_with_delimiter()
        yield Finding("store", f"answers at {settings.store.uri}")
    except (BaseError, OSError, InputError, PlatformError) as error:
        mend = f"is {settings.store.uri} there, and does Secret {settings.store.secret} hold?"
        yield Finding("store", f"does not answer: {str(error).splitlines()[0]}", mend)
    for what, url in (
        ("MLflow", f"{settings.registry}/health"),
        ("Prometheus", f"{settings.prometheus}/-/ready"),
    ):
        try:
            httpx.get(url, timeout=_TIMEOUT_S, trust_env=False).raise_for_status()
            yield Finding(what, "answers")
        except httpx.HTTPError as error:
            mend = "kubectl get pods --namespace sluice-system"
            yield Finding(what, f"does not answer: {error}", mend)


def _servers(api: Api) -> list[Finding]:
    try:
        found = health.servers(api)
    except PlatformError as error:
        return [Finding("servers", "unknown", str(error))]
    mend = "kubectl get pods,events --namespace sluice-system"
    return [Finding(e.name, e.state, "" if e.state == "ok" else mend) for e in found]

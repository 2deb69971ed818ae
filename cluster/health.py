"""What `sluice status` shows of a cluster: a team's endpoints, and the servers of all."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from cluster.access import Access
from cluster.api import Api, Missing
from cluster.endpoints import ConfiguredEndpoints
from cluster.inference_services import PART as PREDICTOR
from cluster.kinds import DEPLOYMENT, HTTP_ROUTE, STATEFUL_SET, Object
from cluster.leases import KubernetesLeases
from cluster.marks import CANDIDATE, CHAMPION, PHASE, SHARE
from cluster.names import labels, said
from cluster.routes import PART
from cluster.scaling import counted
from cluster.settings import SYSTEM
from components.platform import Platform
from components.printing import printable
from components.release.lease import standing_leases
from components.release.losers import remaining

UNRELEASED = "Unreleased"
"""The phase of an endpoint that has no route yet."""


@dataclass(frozen=True)
class Shown:
    """One endpoint, as its route's labels show it to `kubectl`, too."""

    name: str
    phase: str
    champion: str = ""
    candidate: str = ""
    share: str = ""
    """Of the candidate, in percent; empty without one."""
    waits: str = ""
    """What the release's next step waits for."""
    predictors: str = ""
    """How many of each arm are ready, and of how many that are wanted: ``1: 4, 2: 1 of 2``."""


@dataclass(frozen=True)
class Server:
    """One of the servers that all teams share."""

    name: str
    state: str
    """``ok``, or what is wrong."""


@dataclass(frozen=True)
class Status:
    """What there is now."""

    namespace: str
    endpoints: list[Shown]
    servers: list[Server]
    warnings: Sequence[str] = ()
    """What users do not notice yet."""

    @property
    def healthy(self) -> bool:
        """True when every server is as it should be, and there is one; and nothing is warned of."""
        well = bool(self.servers) and all(each.state == "ok" for each in self.servers)
        return well and not self.warnings


def status(access: Access, namespace: str) -> Status:
    """The status of a team's namespace, and of what all share.

    Raises:
        PlatformError: the API server does not answer, or the account may not look.
    """
    with closing(Api(access)) as api:
        routes = api.list(HTTP_ROUTE, namespace, labels(PART))
        names = ConfiguredEndpoints(api, namespace).names()
        held = standing_leases(KubernetesLeases(api, namespace))
        waits = {lease.endpoint: printable(lease.waits) for lease in held}
        found = list(_endpoints(names, routes, waits, _predictors(api, namespace)))
        return Status(namespace, found, servers(api))


def _predictors(api: Api, namespace: str) -> dict[str, str]:
    """What is there, and what is wanted, by endpoint."""
    found: dict[str, list[str]] = {}
    for each in api.list(DEPLOYMENT, namespace, labels(PREDICTOR)):
        ready, wanted = counted(each)
        short = f" of {wanted}" if ready < wanted else ""
        several = f"{ready}{short}" if wanted else "asleep"
        found.setdefault(said(each, "endpoint"), []).append(f"{said(each, 'arm')}: {several}")
    return {endpoint: ", ".join(sorted(arms)) for endpoint, arms in found.items()}


def warnings(platform: Platform) -> list[str]:
    """What has not gone yet, and which pods could not start any more, or how many nobody decides.

    The store may lack files of a version, somebody may have deleted its autoscaler.

    Raises:
        PlatformError: a server does not answer, or the account may not look.
    """
    serving, found = platform.serving, list(remaining(platform))
    for endpoint in platform.endpoints.names():
        for arm in serving.versions(endpoint):
            stored = serving.stored(endpoint, arm)
            if stored and (why := platform.files.lost(stored)):
                found.append(
                    f"{endpoint} version {arm}: {why}, so no further pod of it can start:"
                    f" 'sluice release {endpoint} --version {stored.version}' fetches them again"
                )
        found += _unscaled(platform, endpoint)
    return found


def _unscaled(platform: Platform, endpoint: str) -> Iterator[str]:
    try:
        replicas = platform.scaling.replicas(endpoint)
    except Missing as error:  # with KEDA its kinds have gone
        yield f"{endpoint}: what scales its versions cannot be read: {error}"
        return
    for arm, each in replicas.items():
        if each.lost:
            yield (
                f"{endpoint} version {arm}: its autoscaler is gone, so it keeps the predictors that"
                f" it has ({each.wanted}): the next release of {endpoint} makes it anew"
            )


def _endpoints(
    names: Iterable[str],
    routes: Iterable[Object],
    waits: Mapping[str, str],
    predictors: Mapping[str, str],
) -> Iterable[Shown]:
    routed = {said(each, "endpoint"): each["metadata"].get("labels") or {} for each in routes}
    for name in sorted({*names, *routed}):
        its = routed.get(name, {})
        champion, candidate, share = (its.get(key, "") for key in (CHAMPION, CANDIDATE, SHARE))
        phase = its.get(PHASE, UNRELEASED)
        held, there = waits.get(name, ""), predictors.get(name, "")
        yield Shown(name, phase, champion, candidate, share, held, there)


def servers(api: Api) -> list[Server]:
    """The servers, by name.

    Raises:
        PlatformError: the account may not look.
    """
    found = [*api.list(DEPLOYMENT, SYSTEM), *api.list(STATEFUL_SET, SYSTEM)]
    return sorted(map(_server, found), key=lambda each: each.name)


def _server(found: Object) -> Server:
    wanted = found["spec"].get("replicas", 1)
    ready = (found.get("status") or {}).get("readyReplicas", 0)
    conditions = (found.get("status") or {}).get("conditions") or []
    said = (each.get("message") for each in conditions if each["status"] == "False")
    why = next(filter(None, said), "see its pods")
    state = "ok" if ready >= wanted else f"{ready} of {wanted} ready: {why}"
    return Server(found["metadata"]["name"], printable(state))

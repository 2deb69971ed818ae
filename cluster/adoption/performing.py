"""Looking at what stands, and doing what a plan says."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from cluster import adopted, attachment, known, marks, ownership, places, routes
from cluster.adoption import rules
from cluster.adoption.planning import Asked, Does, Plan, Seen, Step, plan, services
from cluster.api import Api, Conflict
from cluster.endpoints import ConfiguredEndpoints
from cluster.kinds import (
    BACKEND_TRAFFIC_POLICY,
    ENDPOINT_SLICE,
    HTTP_ROUTE,
    INFERENCE_SERVICE,
    SERVICE,
    Kind,
    Object,
)
from cluster.limits import limits_object
from cluster.names import annotation, object_name
from cluster.proxies import Proxies
from cluster.readiness import answering
from cluster.routes import Route
from cluster.settings import Gateway
from cluster.slots import WHOLE, Slot
from components.endpoint import Endpoint
from components.errors import InputError, LeaseHeld, PlatformError
from components.notify import moments
from components.platform import Platform, StoredVersion, wait_for
from components.registry import names
from components.release import adopting
from components.release.limits import limits_of

_STAGED, _REVEALED = 1, 2
"""Numbers of the first writes of an endpoint's route."""
_TRIES = 30
_IN_FORCE_S = 60.0
_EVERY_S = 0.1


@dataclass(frozen=True)
class Wanted:
    """What the user of the command asks for."""

    endpoint: Endpoint
    text: str
    """The endpoint's file."""
    source: str
    """Where it is."""
    version: str
    predictor: str
    """The InferenceService."""
    route: str = ""
    """The team's, that leads to it; empty: whichever does."""
    keys_are_sent: bool = False


@dataclass(frozen=True)
class Adoption:
    """One InferenceService that is to be an endpoint's champion.

    Args:
        api: the API server.
        namespace: the team's.
        platform: of that namespace.
        gateway: whose route it gets.
        proxies: its Envoys.
        wanted: what is asked for.
    """

    api: Api
    namespace: str
    platform: Platform
    gateway: Gateway
    proxies: Proxies
    wanted: Wanted

    @property
    def name(self) -> str:
        """The endpoint's."""
        return self.wanted.endpoint.name

    def plan(self) -> Plan:
        """What is to be done.

        Raises:
            InputError: it cannot be adopted; says the mend.
            LeaseHeld: a release of the endpoint is under way.
            PlatformError: an object that the endpoint needs is somebody else's.
        """
        beside = ownership.beside_route(self.name)
        ownership.refuse_all(self.api, self.namespace, beside)
        return plan(self.look(), Asked(self.gateway, self.wanted.keys_are_sent))

    def look(self) -> Seen:
        """What stands now.

        Raises:
            InputError: there is no such InferenceService, version or route.
            LeaseHeld: a release of the endpoint is under way.
        """
        wanted, place = self.wanted, self.platform
        if lease := place.leases.read(self.name):
            raise LeaseHeld(f"release {lease.release_id} has {self.name}: adopt when it is over")
        predictor = self._needed(INFERENCE_SERVICE, wanted.predictor)
        known = ConfiguredEndpoints(self.api, self.namespace)
        return Seen(
            endpoint=wanted.endpoint,
            text=wanted.text,
            stored=adopting.known(place, wanted.endpoint, wanted.version),
            predictor=predictor,
            service=self._needed(SERVICE, adopted.entry(predictor)),
            standing_for=self._get(SERVICE, places.service(self.name, wanted.version)),
            route=self._get(HTTP_ROUTE, object_name(self.name)),
            theirs=self._theirs(predictor),
            others=self._others(),
            configured=known.text(self.name),
            champion=place.registry.alias(wanted.endpoint.model, names.CHAMPION),
            clients=[who for who, role in place.gateway.clients().items() if role != "platform"],
        )

    def _get(self, kind: Kind, name: str) -> Object | None:
        return self.api.get(kind, self.namespace, name)

    def _needed(self, kind: Kind, name: str) -> Object:
        found = self._get(kind, name)
        if found is None:
            raise InputError(
                f"no {kind.name} {name!r} in namespace {self.namespace}:"
                f" 'kubectl get {kind.plural} --namespace {self.namespace}' lists what there is"
            )
        return found

    def _theirs(self, predictor: Object) -> Object | None:
        """The team's route: the one that is named, else the one that leads to the predictor."""
        if named := self.wanted.route:
            found = self._get(HTTP_ROUTE, named)
            # Else an earlier try has taken it away.
            if found is None and not self._get(
                SERVICE, places.service(self.name, self.wanted.version)
            ):
                raise InputError(f"no HTTPRoute {named!r} in namespace {self.namespace}")
            return found
        leads = services(predictor)
        listed = self.api.list(HTTP_ROUTE, self.namespace)
        leading = [each for each in listed if rules.leads_to(each, leads)]
        if len(leading) > 1:
            which = ", ".join(each["metadata"]["name"] for each in leading)
            raise InputError(
                f"several routes lead to {self.wanted.predictor} ({which}): let one of them do,"
                " or adopt them one after the other, each by --route"
            )
        return leading[0] if leading else None

    def _others(self) -> list[Object]:
        """Every route that this account may see."""
        try:
            return self.api.list(HTTP_ROUTE, "")
        except PlatformError:
            return self.api.list(HTTP_ROUTE, self.namespace)

    def perform(self, steps: Iterable[Step]) -> Iterator[Step]:
        """Do the steps of a plan, one after the other; each comes out when it is done.

        Raises:
            SluiceError: one could not be done; what was done stands, and users are served.
        """
        does: Mapping[Does, Callable[[], None]] = {
            "keep-files": self._keep_files,
            "stand-for": self._stand_for,
            "stage": self._stage,
            "reveal": self._reveal,
            "retire": self._retire,
            "empty": self._empty,
            "mark": self._mark,
            "configure": self._configure,
            "tell": self._tell,
        }
        for step in steps:
            does[step.does]()
            yield step

    def _known(self) -> StoredVersion:
        return adopting.known(self.platform, self.wanted.endpoint, self.wanted.version)

    def _keep_files(self) -> None:
        adopting.keep_files(self.platform, self.wanted.endpoint, self._known())

    def _stand_for(self) -> None:
        predictor = self._needed(INFERENCE_SERVICE, self.wanted.predictor)
        like = self._needed(SERVICE, adopted.entry(predictor))
        made = adopted.standing_for(
            self.wanted.endpoint, self.wanted.version, self._known(), predictor, like
        )
        self.api.create(SERVICE, self.namespace, made)

    def _wait_answering(self) -> None:
        """Wait until our Service leads to a pod that is ready."""
        name = places.service(self.name, self.wanted.version)
        named = {"kubernetes.io/service-name": name}

        def ready() -> bool:
            return answering(self.api.list(ENDPOINT_SLICE, self.namespace, named))

        late = f"Service {name} leads to no pod that is ready: 'kubectl describe service {name}'"
        wait_for(ready, _IN_FORCE_S, _EVERY_S, lambda: late)

    def _route(self, write: int) -> Object:
        """The endpoint's route as that write has it, with what the team's did to requests."""
        slots = (Slot(self.wanted.version, WHOLE),)
        route = Route(self.name, slots, limits_of(self.wanted.endpoint), write)
        shown = marks.marks({self.wanted.version: 100}, None)
        return routes.route_object(route, self.gateway, shown)

    def _stage(self) -> None:
        self._wait_answering()
        predictor = self._needed(INFERENCE_SERVICE, self.wanted.predictor)
        theirs, made = self._theirs(predictor), self._route(_STAGED)
        limited = limits_object(
            Route(self.name, (), limits_of(self.wanted.endpoint)),
        )
        self.api.apply(BACKEND_TRAFFIC_POLICY, self.namespace, limited)
        ours = made["spec"]["rules"]
        if theirs is not None and attachment.attached(theirs, self.gateway):
            added = rules.sort(theirs, self.name, services(predictor)).filters
            ours = rules.with_filters(ours, added, self.name)
        ours = rules.staged(ours, self.name)
        # What says that a route is written comes when users meet it.
        said = {annotation("endpoint"): self.name}
        metadata = {**made["metadata"], "annotations": said}
        name = object_name(self.name)
        if self._get(HTTP_ROUTE, name) is None:
            at = {"hostnames": attachment.hosts(theirs)}
            spec = {**made["spec"], "rules": ours, **at}
            self.api.create(HTTP_ROUTE, self.namespace, HTTP_ROUTE.object(metadata, spec=spec))
            return
        self._change(name, lambda found: [*routes.rules_in(found), *ours], metadata)

    def _change(
        self,
        name: str,
        change: Callable[[Object], list[Object]],
        metadata: Object | None = None,
    ) -> None:
        """Write a route's rules, and labels and annotations of ``metadata``, if any.

        The gateway's controller writes the route's status, and each time it is of another version.
        """
        marked = {key: (metadata or {})[key] for key in ("labels", "annotations") if metadata}
        for _ in range(_TRIES):
            found = self._needed(HTTP_ROUTE, name)
            version = {"resourceVersion": found["metadata"]["resourceVersion"]}
            patch = {"metadata": {**marked, **version}, "spec": {"rules": change(found)}}
            with suppress(Conflict):
                self.api.merge(HTTP_ROUTE, self.namespace, name, patch)
                return
        raise PlatformError(f"HTTPRoute {name} is changed by somebody else all the time")

    def _wait_staged(self, host: str) -> None:
        """Wait until every proxy has the staged rules, and the model answers to them."""
        shown: set[int | None] = set()

        def in_force() -> bool:
            nonlocal shown
            with suppress(PlatformError):
                shown = self.proxies.writes(self.name, host)
            return shown == {_STAGED}

        late = f"HTTPRoute {object_name(self.name)} is not at every proxy: 'kubectl describe' it"
        wait_for(in_force, _IN_FORCE_S, _EVERY_S, lambda: late)
        asked = {rules.STAGED: self.name, "host": host}
        paths = [f"/v2/models/{self.name}/ready", f"/v1/models/{self.name}"]

        def wrong(answers: str) -> str:
            return (
                f"InferenceService {self.wanted.predictor} does not answer for a model"
                f" {self.name!r} ({answers}): an endpoint has the name of the model that its"
                " InferenceService serves; users are served as before"
            )

        known.wait_answering(self.proxies, paths, asked, wrong)

    def _reveal(self) -> None:
        found = self._needed(HTTP_ROUTE, object_name(self.name))
        self._wait_staged(attachment.host(found))
        made = self._route(_REVEALED)
        probe = rules.probe_in(made["spec"]["rules"])
        self._change(
            object_name(self.name),
            lambda found: rules.revealed(found["spec"]["rules"], probe),
            made["metadata"],
        )
        self._wait_in_force()

    def _wait_in_force(self) -> None:
        everything = {self.wanted.version: 100}
        self.platform.traffic.wait_in_force(self.name, everything, _IN_FORCE_S)

    def _written_again(self) -> None:
        """Wait until every proxy has all that was written before now.

        The gateway's controller reads routes in the order of their writes: who shows a later one
        has the earlier ones.
        """
        self.platform.traffic.set_weights(self.name, {self.wanted.version: 100})
        self._wait_in_force()

    def _retire(self) -> None:
        predictor = self._needed(INFERENCE_SERVICE, self.wanted.predictor)

        def retired(found: Object) -> list[Object]:
            places = rules.sort(found, self.name, services(predictor)).retire
            return rules.retired(found, places, self.name)

        if (theirs := self._theirs(predictor)) is not None:
            self._change(theirs["metadata"]["name"], retired)

    def _empty(self) -> None:
        self._written_again()
        predictor = self._needed(INFERENCE_SERVICE, self.wanted.predictor)
        for _ in range(_TRIES):
            theirs = self._theirs(predictor)
            if theirs is None:
                return
            name, version = theirs["metadata"]["name"], theirs["metadata"]["resourceVersion"]
            alone = all(map(rules.is_retired, theirs["spec"]["rules"]))
            if name == object_name(self.name) or not alone:
                self._change(name, rules.emptied)
                return
            with suppress(Conflict):
                self.api.delete(HTTP_ROUTE, self.namespace, name, version)
                return

    def _mark(self) -> None:
        model, version = self.wanted.endpoint.model, self.wanted.version
        self.platform.registry.swap_alias(model, names.CHAMPION, None, version)

    def _configure(self) -> None:
        self.platform.endpoints.apply(self.wanted.text, self.wanted.source)

    def _tell(self) -> None:
        by = f"InferenceService {self.wanted.predictor}"
        since = self._needed(SERVICE, places.service(self.name, self.wanted.version))
        # The same at each try, so that it is one moment.
        at = datetime.fromisoformat(since["metadata"]["creationTimestamp"]).timestamp()
        told = moments.adopted(self.name, self.wanted.version, by, at)
        self.platform.moments.keep(f"adopted-{self.name}-{self.wanted.version}", told)

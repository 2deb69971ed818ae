"""Model versions as InferenceServices of KServe (`components.platform.Serving`)."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cluster import adopted
from cluster.adopted import predictor_in
from cluster.api import Api, Conflict, Invalid
from cluster.inference_services import PART, WAKES, inference_service, is_ours, stored_in
from cluster.kinds import ENDPOINT_SLICE, INFERENCE_SERVICE, POD, SERVICE, Object
from cluster.names import labels, predictor_name, said
from cluster.others import in_the_way
from cluster.places import service
from cluster.readiness import has_ended, left_over, readiness, running
from cluster.room import never, room
from cluster.scaled_objects import waking
from cluster.scaling import KedaScaling
from cluster.settings import Predictor
from cluster.slots import Waking
from cluster.traffic import RoutedTraffic
from components.endpoint import Endpoint
from components.errors import PlatformError, Unreachable
from components.platform import Clock, Readiness, Room, Running, Span, StoredVersion, wait_for
from components.platform.refusals import larger_than_memory, refuse_mirrored
from components.platform.spans import ObjectSpans

log = logging.getLogger("sluice.serving")

_GOES_S = 900.0
"""A predictor has gone when its last pod has: after the longest deadline, and more."""
_IN_FORCE_S = 60.0
_EVERY_S = 0.2


def arms(api: Api, namespace: str, endpoint: str) -> list[str]:
    """The arms of an endpoint that have a predictor now, ready or not."""
    return sorted(said(each, "arm") for each in _of(api, namespace, endpoint))


def ways(api: Api, namespace: str, endpoint: str) -> dict[str, Waking]:
    """The ways to those arms of an endpoint that may sleep."""
    found = {said(each, "arm"): said(each, WAKES) for each in _of(api, namespace, endpoint)}
    return {arm: waking(endpoint, arm, namespace, wakes) for arm, wakes in found.items() if wakes}


def _of(api: Api, namespace: str, endpoint: str = "") -> list[Object]:
    """What stands for the arms: InferenceServices of ours, and Services for adopted ones."""
    named = {"endpoint": endpoint} if endpoint else {}
    found = api.list(INFERENCE_SERVICE, namespace, labels(PART, **named))
    found += api.list(SERVICE, namespace, labels(adopted.PART, **named))
    return [
        each
        for each in found
        if not each["metadata"].get("deletionTimestamp")
        and (not endpoint or said(each, "endpoint") == endpoint)
    ]


@dataclass(frozen=True)
class KServing:
    """The predictors of one namespace.

    Args:
        api: the API server.
        namespace: the team's.
        settings: how predictors run.
        traffic: the endpoints' routes.
        scaling: what scales them.
        log: of when predictors were there.
        clock: of waits, and of that log.
    """

    api: Api
    namespace: str
    settings: Predictor
    traffic: RoutedTraffic
    scaling: KedaScaling
    log: ObjectSpans
    clock: Clock

    def create(
        self,
        endpoint: Endpoint,
        stored: StoredVersion,
        name: str = "",
        patience: float | None = None,
    ) -> None:
        """Start (or keep) a predictor of the version whose verified files are ``stored``.

        Kubernetes itself starts one again that was ready and is not any more.

        Raises:
            PlatformError: users are served other files under the same name, somebody else has
                made what is called so, the one that is leaving has not gone in time, or the cluster
                refuses the predictor.
        """
        arm = name or stored.version
        self.scaling.refuse_others(endpoint.name, arm)
        scaled = self.scaling.settings
        wanted = inference_service(endpoint, stored, arm, self.settings, scaled)
        if (before := self._found(endpoint.name, arm)) is not None:
            if before["metadata"].get("deletionTimestamp"):
                self._wait_gone(endpoint.name, arm, patience)
                before = None
            elif stored_in(before).identity != stored.identity:
                self._refuse_other_files(endpoint.name, arm, stored_in(before), stored)
                self.delete(endpoint.name, arm)
                before = None
        if before is None and not self._keeps_adopted(endpoint.name, arm, stored):
            self._refuse_others(endpoint.name, arm)
            self._make(wanted)
            before = self._found(endpoint.name, arm)
            if before is None:
                self._refuse_others(endpoint.name, arm)
        if before is not None:
            self.scaling.make(endpoint, arm, before)
        with _later():
            price = endpoint.serving.price or ""
            self.log.begin((endpoint.name, arm), price, self.clock.time())

    def _keeps_adopted(self, endpoint: str, arm: str, stored: StoredVersion) -> bool:
        """Whether an adopted predictor serves these files; one that does not is left to its team.

        Raises:
            PlatformError: users are served other files by it.
        """
        held = self._adopted(endpoint, arm)
        if held is None:
            return False
        if stored_in(held).identity != stored.identity:
            self._refuse_other_files(endpoint, arm, stored_in(held), stored)
        elif self.api.get(INFERENCE_SERVICE, self.namespace, predictor_in(held)) is not None:
            return True
        self.api.delete(SERVICE, self.namespace, service(endpoint, arm))
        return False

    def _make(self, wanted: Object) -> None:
        try:
            self.api.create(INFERENCE_SERVICE, self.namespace, wanted)
        except Conflict:
            # Another try of this step was faster.
            return
        except Invalid as error:
            name = wanted["metadata"]["name"]
            raise PlatformError(f"predictor {name} is refused: {error}") from error

    def _refuse_others(self, endpoint: str, arm: str) -> None:
        if why := self._others(endpoint, arm):
            raise PlatformError(why)

    def _others(self, endpoint: str, arm: str) -> str:
        """What of somebody else's has a name that the arm's predictor needs; empty: nothing."""
        return in_the_way(self.api, self.namespace, endpoint, arm, scaled=self._scaled)

    @property
    def _scaled(self) -> bool:
        return self.scaling.settings is not None

    def _refuse_other_files(
        self, endpoint: str, arm: str, served: StoredVersion, now: StoredVersion
    ) -> None:
        if self.traffic.weights(endpoint).get(arm):
            raise PlatformError(
                f"{endpoint} version {arm} serves users from other files ({served.model}"
                f" {served.digest[:12]}, not {now.model} {now.digest[:12]}): register the new ones"
                " as a version of their own"
            )

    def _found(self, endpoint: str, arm: str) -> Object | None:
        """The InferenceService of ours; what somebody else has made under its name is none."""
        found = self.api.get(INFERENCE_SERVICE, self.namespace, predictor_name(endpoint, arm))
        return found if found and is_ours(found, endpoint, arm) else None

    def _adopted(self, endpoint: str, arm: str) -> Object | None:
        """The Service that stands for an adopted predictor."""
        found = self.api.get(SERVICE, self.namespace, service(endpoint, arm))
        return found if found and adopted.is_adopted(found) else None

    def room(self, endpoint: Endpoint) -> Room:
        """Whether the namespace's quotas leave room for one predictor more.

        None has it beside an adopted one: a second predictor of its version would be another one.
        """
        for each in self.api.list(SERVICE, self.namespace, self._adopted_by(endpoint.name)):
            why = f"production is InferenceService {predictor_in(each)}, which its team made"
            return Room(False, f"{why}: Sluice makes no second one of it")
        there = self.api.list(
            INFERENCE_SERVICE, self.namespace, labels(PART, endpoint=endpoint.name)
        )
        return room(self.api, self.namespace, endpoint, there, scaled=self._scaled)

    def unfit(self, endpoint: Endpoint, stored: StoredVersion, name: str = "") -> str:
        """Why no predictor of these files can run there: by its memory, quotas, and its name."""
        arm, api = name or stored.version, self.api
        return (
            larger_than_memory(endpoint, stored)
            or never(api, self.namespace, endpoint, stored, scaled=self._scaled)
            or ("" if self._adopted(endpoint.name, arm) else self._others(endpoint.name, arm))
        )

    def _adopted_by(self, endpoint: str) -> dict[str, str]:
        return labels(adopted.PART, endpoint=endpoint)

    def stored(self, endpoint: str, version: str) -> StoredVersion | None:
        """What the predictor was created from; None without one."""
        found = self._found(endpoint, version) or self._adopted(endpoint, version)
        return stored_in(found) if found else None

    def readiness(self, endpoint: str, version: str) -> Readiness:
        """Whether the predictor has answered its warm-up inference, else what is known of it."""
        found, name = self._found(endpoint, version), predictor_name(endpoint, version)
        if found is None and (held := self._adopted(endpoint, version)):
            name = predictor_in(held)
            found = self.api.get(INFERENCE_SERVICE, self.namespace, name)
        if found is None:
            return readiness(None, [], [], 0.0)
        named = {"kubernetes.io/service-name": service(endpoint, version)}
        slices, pods = self.api.list(ENDPOINT_SLICE, self.namespace, named), self._pods(name)
        # What is compared with it are times of the cluster's: this machine's clock may be wrong.
        return readiness(found, pods, slices, self.api.answered_at or self.clock.time())

    def running(self, endpoint: str) -> list[Running]:
        """Each pod that runs now; one that is leaving is not ready any more."""
        pods = self.api.list(POD, self.namespace, labels(PART, endpoint=endpoint))
        found = [
            running(each, said(each, "arm"))
            for each in pods
            if said(each, "endpoint") == endpoint and not has_ended(each)
        ]
        for each in self.api.list(SERVICE, self.namespace, self._adopted_by(endpoint)):
            if said(each, "endpoint") == endpoint:
                pods = [pod for pod in self._pods(predictor_in(each)) if not has_ended(pod)]
                found += [running(pod, said(each, "arm")) for pod in pods]
        return found

    def delete(self, endpoint: str, version: str, patience: float | None = None) -> None:
        """Take the version off the gateway, let it finish, and wait until it is gone.

        An adopted predictor is left to its team.

        Raises:
            PlatformError: it still has a share of the traffic, or does not go.
        """
        own = self._found(endpoint, version)
        if own is None and self._adopted(endpoint, version) is None:
            self._wait_gone(endpoint, version, patience)  # somebody told it to go before
            return
        weights = self.traffic.weights(endpoint)
        if share := weights.pop(version, None):
            raise PlatformError(
                f"{endpoint} version {version} still gets {share}% of the traffic: "
                "move the traffic before deleting it"
            )
        refuse_mirrored(endpoint, version, self.traffic.mirror(endpoint))
        if share is not None:
            self.traffic.set_weights(endpoint, weights)
            self.traffic.wait_in_force(endpoint, weights, _IN_FORCE_S)
        left = [arm for arm in self.versions(endpoint) if arm != version]
        self.traffic.pin(endpoint, left)
        if own is None:
            self.api.delete(SERVICE, self.namespace, service(endpoint, version))
        elif not own["metadata"].get("deletionTimestamp"):
            self.api.delete(INFERENCE_SERVICE, self.namespace, own["metadata"]["name"])
        # Its pods go after it: they are waited for by who finds it gone, too.
        self._wait_gone(endpoint, version, patience)
        with _later():
            self.log.end((endpoint, version), self.clock.time())

    def _wait_gone(self, endpoint: str, arm: str, patience: float | None = None) -> None:
        late = f"{endpoint} version {arm} is being deleted and does not go: see 'kubectl describe'"

        def gone() -> bool:
            own = predictor_name(endpoint, arm)
            return self._found(endpoint, arm) is None and not self._pods(own)

        longest = _GOES_S if patience is None else patience
        wait_for(gone, longest, _EVERY_S, lambda: late, self.clock)

    def _pods(self, predictor: str) -> list[Object]:
        """The pods of an InferenceService."""
        own = {"serving.kserve.io/inferenceservice": predictor}
        return self.api.list(POD, self.namespace, own)

    def versions(self, endpoint: str) -> list[str]:
        """The arms that have a predictor now, ready or not."""
        return arms(self.api, self.namespace, endpoint)

    def url(self, endpoint: str, version: str) -> str:
        """The predictor's own base URL, past the gateway.

        Raises:
            PlatformError: the version has no predictor.
        """
        if self.stored(endpoint, version) is None:
            raise PlatformError(f"{endpoint} version {version} is not served: release it first")
        return f"http://{service(endpoint, version)}.{self.namespace}.svc"

    def note(self) -> None:
        """Write down which predictors are there, and how many, each at its newest price.

        Pods that have ended, evicted ones above all, are cleared away where another one serves.
        """
        self.log.note(self._present(), self.clock.time(), self.scaling.there())
        for pod in left_over(self.api.list(POD, self.namespace, labels(PART))):
            self.api.delete(POD, self.namespace, pod)

    def _present(self) -> Iterator[tuple[tuple[str, str], str]]:
        """Which predictors are there when somebody asks for the first, with their prices."""
        there = _of(self.api, self.namespace)
        known = [(said(each, "endpoint"), said(each, "arm")) for each in there]
        prices = {
            (span.endpoint, span.version): span.price
            for span in self.log.read(known)
            if span.end is None
        }
        for who, each in zip(known, there, strict=True):
            yield who, prices.get(who, said(each, "price"))

    def spans(self, endpoint: str = "") -> list[Span]:
        """When predictors were there, oldest first; those of one endpoint if it is given."""
        there = _of(self.api, self.namespace, endpoint)
        known = [(said(each, "endpoint"), said(each, "arm")) for each in there]
        return self.log.read(known, endpoint)


@contextmanager
def _later() -> Iterator[None]:
    """What is to be written of a predictor is no reason for it to fail: `note` finds out later."""
    try:
        yield
    except (Unreachable, FileNotFoundError) as error:
        log.warning("when predictors were there is written down later: %s", error)

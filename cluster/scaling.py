"""How many pods each arm has, and KEDA's floors of them (`components.platform.Scaling`)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from cluster import adopted, ownership, scaled_objects
from cluster.api import Api, Missing
from cluster.inference_services import PART, is_ours, is_scaled
from cluster.kinds import (
    DEPLOYMENT,
    INFERENCE_SERVICE,
    INTERCEPTOR_ROUTE,
    POD,
    SCALED_OBJECT,
    SERVICE,
    Object,
)
from cluster.names import labels, predictor_name, said
from cluster.places import GRPC_PORT, PORT
from cluster.readiness import missing, refused
from cluster.scaled_objects import Scaled, held
from cluster.settings import Autoscaling
from components.endpoint import Endpoint
from components.platform import Clock, Replicas, wait_for

_GOES_S = 60.0
"""KEDA's operator takes its own mark off a ScaledObject that goes with its predictor."""
_EVERY_S = 0.2


@dataclass(frozen=True)
class KedaScaling:
    """The autoscalers of one namespace.

    Args:
        api: the API server.
        namespace: the team's.
        settings: how KEDA scales; None: nobody does.
        clock: of waits.
    """

    api: Api
    namespace: str
    settings: Autoscaling | None
    clock: Clock

    def make(self, endpoint: Endpoint, arm: str, owner: Object, floor: int = 1) -> None:
        """Let an arm be scaled as its file says; a floor of it stays.

        A new one is held awake until `let_go`. Whose the objects are is the caller's to look at
        (`refuse_others`).

        Args:
            endpoint: its file.
            arm: whose.
            owner: its InferenceService, as the API server has it.
            floor: it is held at so many at least.

        Raises:
            PlatformError: KEDA is not installed, or the scaler of its former life does not go.
        """
        if self.settings is None or not is_scaled(owner):
            return
        before = self._kept(scaled_objects.object_named(endpoint.name, arm), owner)
        floor = max(floor, endpoint.serving.scaling.min, held(before).floor if before else 0)
        for each in scaled_objects.interceptor_routes(endpoint, arm, owner, PORT, GRPC_PORT):
            self.api.apply(INTERCEPTOR_ROUTE, self.namespace, each)
        wanted = scaled_objects.scaled_object(endpoint, arm, owner, self.settings, floor)
        self.api.apply(SCALED_OBJECT, self.namespace, wanted)

    def restore(self, endpoint: Endpoint, arm: str, floor: int) -> None:
        """Make an arm's autoscaler anew that is lost, held at ``floor``.

        Raises:
            PlatformError: an object of that name is somebody else's; see `make`.
        """
        owner = self.api.get(INFERENCE_SERVICE, self.namespace, predictor_name(endpoint.name, arm))
        leaves = owner is not None and owner["metadata"].get("deletionTimestamp")
        if owner is None or leaves or not is_ours(owner, endpoint.name, arm):
            return
        self.refuse_others(endpoint.name, arm)
        self.make(endpoint, arm, owner, floor)

    def refuse_others(self, endpoint: str, arm: str) -> None:
        """Check that an arm may be scaled.

        Raises:
            PlatformError: an object that it needs is somebody else's.
        """
        if self.settings is not None:
            named = scaled_objects.objects_named(
                endpoint, arm, sleeps=bool(self.settings.interceptor)
            )
            ownership.refuse_all(self.api, self.namespace, named)

    def _kept(self, name: str, owner: Object) -> Object | None:
        """The predictor's ScaledObject; one of a former predictor that is going is waited for."""
        find = partial(self.api.get, SCALED_OBJECT, self.namespace, name)
        found = find()
        if found is None or not found["metadata"].get("deletionTimestamp"):
            return found if found and scaled_objects.is_of(found, owner) else None
        late = f"ScaledObject {name} is being deleted and does not go: does KEDA's operator run?"
        wait_for(lambda: find() is None, _GOES_S, _EVERY_S, lambda: late, self.clock)
        return None

    def replicas(self, endpoint: str) -> dict[str, Replicas]:
        """What each arm has now, by its Deployment and its ScaledObject."""
        scaled = {each.arm: each for each in map(held, self._of(endpoint))}
        found = self.api.list(DEPLOYMENT, self.namespace, labels(PART, endpoint=endpoint))
        of = {said(each, "arm"): each for each in found if said(each, "endpoint") == endpoint}
        lost = {arm for arm, each in of.items() if self._is_lost(each, scaled.get(arm))}
        of |= self._adopted(endpoint)
        short = {arm for arm, each in of.items() if len({*counted(each)}) > 1}
        pods = self._pods(endpoint) if short else []
        told = {
            arm: _replicas(each, scaled.get(arm), pods if arm in short else [])
            for arm, each in of.items()
        }
        return {arm: replace(each, lost=arm in lost) for arm, each in told.items()}

    def _is_lost(self, deployment: Object, scaled: Scaled | None) -> bool:
        """Whether a predictor of ours is to be scaled, and nothing does it."""
        leaves = "deletionTimestamp" in deployment["metadata"]
        scales = self.settings is not None and is_scaled(deployment)
        return scales and scaled is None and not leaves

    def _adopted(self, endpoint: str) -> dict[str, Object]:
        """The Deployments of adopted arms: how many pods these have is their team's to say."""
        found = {}
        for each in self.api.list(SERVICE, self.namespace, labels(adopted.PART, endpoint=endpoint)):
            name = adopted.predictor_in(each)
            own = {"serving.kserve.io/inferenceservice": name}
            for deployment in self.api.list(DEPLOYMENT, self.namespace, own):
                if deployment["metadata"]["name"] == f"{name}-predictor":
                    found[said(each, "arm")] = deployment
        return found

    def there(self) -> dict[tuple[str, str], int]:
        """How many pods each arm of each endpoint is to have."""
        found = self.api.list(DEPLOYMENT, self.namespace, labels(PART))
        return {(said(each, "endpoint"), said(each, "arm")): counted(each)[1] for each in found}

    def _of(self, endpoint: str) -> list[Object]:
        """The ScaledObjects of an endpoint's arms; one that goes scales until it has gone."""
        if self.settings is None:
            return []
        wanted = labels(scaled_objects.PART, endpoint=endpoint)
        found = self.api.list(SCALED_OBJECT, self.namespace, wanted)
        return [each for each in found if said(each, "endpoint") == endpoint]

    def _pods(self, endpoint: str) -> list[Object]:
        return self.api.list(POD, self.namespace, labels(PART, endpoint=endpoint))

    def hold(self, endpoint: str, floors: Mapping[str, int]) -> None:
        """Let no arm that is named want fewer predictors than this; a higher floor stays."""
        self._patch(
            (each, scaled_objects.hold_patch(each, floors[said(each, "arm")]))
            for each in self._of(endpoint)
            if said(each, "arm") in floors
        )

    def let_go(self, endpoint: str) -> None:
        """Leave every arm of the endpoint to its file."""
        self._patch((each, scaled_objects.let_go_patch(each)) for each in self._of(endpoint))

    def _patch(self, changes: Iterable[tuple[Object, Object | None]]) -> None:
        for found, patch in changes:
            if patch is not None:
                try:
                    name = found["metadata"]["name"]
                    self.api.merge(SCALED_OBJECT, self.namespace, name, patch)
                except Missing:
                    continue  # its predictor has gone meanwhile


def counted(deployment: Object) -> tuple[int, int]:
    """How many pods of a Deployment are ready, and how many are wanted."""
    status = deployment.get("status") or {}
    return status.get("readyReplicas", 0), deployment["spec"].get("replicas", 1)


def _replicas(deployment: Object, scaled: Scaled | None, pods: Iterable[Object]) -> Replicas:
    ready, wanted = counted(deployment)
    own = [each for each in pods if said(each, "arm") == said(deployment, "arm")]
    short = ready < wanted
    why = missing(deployment, own) if short else ""
    floor, most = (scaled.floor, scaled.most) if scaled else (wanted, wanted)
    made = (deployment.get("status") or {}).get("replicas", 0)
    let_in = not (short and refused(deployment))
    return Replicas(ready, wanted, floor, most, why, begun=made >= wanted, refused=not let_in)

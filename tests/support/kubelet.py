"""Pods as a kubelet reports them, where there is none."""

from contextlib import suppress

from cluster.api import Api, Conflict
from cluster.inference_services import inference_service
from cluster.kinds import POD, Object
from cluster.settings import Predictor
from components.endpoint import Endpoint
from components.platform import StoredVersion
from tests.support.apiserver import ACCOUNT

EVICTED: Object = {
    "phase": "Failed",
    "reason": "Evicted",
    "message": "The node was low on resource: memory.",
}
SERVES: Object = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}


def report(
    api: Api,
    namespace: str,
    name: str,
    status: Object,
    *,
    endpoint: Endpoint,
    stored: StoredVersion,
) -> None:
    """Let there be a pod of the version's predictor, as KServe makes it, of this status."""
    own = inference_service(endpoint, stored, stored.version, Predictor(image="localhost/none:1"))
    predictor = own["spec"]["predictor"]
    with suppress(Conflict):
        api.create(ACCOUNT, namespace, ACCOUNT.object({"name": "default"}))
    pod = POD.object(
        {
            "name": name,
            "annotations": own["metadata"]["annotations"],
            "labels": predictor["labels"]
            | {"serving.kserve.io/inferenceservice": own["metadata"]["name"]},
        },
        spec={key: predictor[key] for key in ("containers", "volumes", "securityContext")},
    )
    api.create(POD, namespace, pod)
    path = f"{POD.path(namespace, name)}/status"
    api._ask("PATCH", path, content={"status": status}, media="application/merge-patch+json")

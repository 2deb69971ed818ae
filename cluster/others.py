"""Objects of somebody else's under names that a predictor needs: they stay as they are."""

from cluster import adopted
from cluster.api import Api
from cluster.inference_services import is_ours
from cluster.kinds import DEPLOYMENT, INFERENCE_SERVICE, SCALED_OBJECT, SERVICE, Kind, Object
from cluster.names import predictor_name
from cluster.places import service


def in_the_way(api: Api, namespace: str, endpoint: str, arm: str, *, scaled: bool) -> str:
    """Which of them has a name that the predictor of an arm needs, with the mend; empty: none has.

    KServe takes the Service and the Deployment of such a name for its own, and changes them.

    Args:
        api: the API server.
        namespace: the team's.
        endpoint: its name.
        arm: what the version is called there.
        scaled: KEDA scales predictors.
    """
    name, asked = predictor_name(endpoint, arm), service(endpoint, arm)
    found = api.get(INFERENCE_SERVICE, namespace, name)
    if found is not None:
        return "" if is_ours(found, endpoint, arm) else _said(INFERENCE_SERVICE, name, arm)
    entry = api.get(SERVICE, namespace, asked)
    if entry is not None and not adopted.is_adopted(entry) and not _is_kserve_s(entry, name):
        return _said(SERVICE, asked, arm)
    for each in api.list(DEPLOYMENT, namespace):
        if each["metadata"]["name"] == asked and not _is_kserve_s(each, name):
            return _said(DEPLOYMENT, asked, arm)
    scaler = api.get(SCALED_OBJECT, namespace, name) if scaled else None
    if scaler is not None and not is_ours(scaler, endpoint, arm):
        return _said(SCALED_OBJECT, name, arm)
    return ""


def _is_kserve_s(found: Object, predictor: str) -> bool:
    """Whether KServe made an object for an InferenceService of that name."""
    owners: list[Object] = found["metadata"].get("ownerReferences") or []
    return any(
        (each["kind"], each["name"]) == (INFERENCE_SERVICE.name, predictor) for each in owners
    )


def _said(kind: Kind, name: str, arm: str) -> str:
    return (
        f"{kind.name} {name} is not Sluice's, and version {arm} needs its name: delete it, or"
        " register the model again, so that the version has another number"
    )

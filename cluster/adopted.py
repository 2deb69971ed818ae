"""Predictors that a team made itself, each as an arm of an endpoint: pure functions.

A Service of ours stands for one. It has the name by which routes know the arm, leads to the pods of
the team's InferenceService, and says what these serve. The InferenceService stays the team's: a
label put on it would roll its pods, and who made it takes it away.
"""

from collections.abc import Mapping

from cluster.kinds import SERVICE, Object
from cluster.names import annotation, labels, said
from cluster.places import GRPC_PORT, PORT, service
from components.endpoint import Endpoint
from components.errors import InputError
from components.platform import StoredVersion

PART = "adopted"
_OF = "inference-service"
_HTTP_2 = "kubernetes.io/h2c"
_GRPC_NAMES = ("h2c", "grpc")


def entry(predictor: Object) -> str:
    """The Service at which KServe lets an InferenceService be asked."""
    last = "transformer" if predictor["spec"].get("transformer") else "predictor"
    return f"{predictor['metadata']['name']}-{last}"


def standing_for(
    endpoint: Endpoint, arm: str, stored: StoredVersion, predictor: Object, like: Object
) -> Object:
    """The Service that makes an InferenceService an arm.

    Args:
        endpoint: whose.
        arm: what the version is called there.
        stored: what the InferenceService serves.
        predictor: it.
        like: its own Service (`entry`).

    Raises:
        InputError: its own Service leads to no pods, as in KServe's other modes.
    """
    selector = (like.get("spec") or {}).get("selector")
    name = predictor["metadata"]["name"]
    if not selector:
        raise InputError(
            f"Service {like['metadata']['name']} of InferenceService {name} leads to no pods of its"
            " own: only those of KServe's Standard mode can be adopted"
        )
    return SERVICE.object(
        {
            "name": service(endpoint.name, arm),
            "labels": labels(PART, endpoint=endpoint.name, arm=arm),
            "annotations": {
                annotation("endpoint"): endpoint.name,
                annotation("arm"): arm,
                annotation("model"): stored.model,
                annotation("version"): stored.version,
                annotation("digest"): stored.digest,
                annotation("uri"): stored.uri,
                annotation("price"): endpoint.serving.price or "",
                annotation(_OF): name,
            },
        },
        spec={"selector": selector, "ports": _ports(like)},
    )


def predictor_in(found: Object) -> str:
    """The InferenceService for which a Service of ours stands."""
    return said(found, _OF)


def is_adopted(found: Object) -> bool:
    """Whether a Service is one of ours that stands for a predictor."""
    return bool(predictor_in(found))


def _ports(like: Object) -> list[Object]:
    listed: list[Object] = like["spec"].get("ports") or []
    spoken = [each for each in listed if not _is_grpc(each)]
    http = next((each for each in spoken if each["port"] == PORT), (spoken or listed)[0])
    grpc = next(filter(_is_grpc, listed), http)
    return [
        {"name": "http1", "port": PORT, "protocol": "TCP", "targetPort": _target(http)},
        {
            "name": "h2c",
            "port": GRPC_PORT,
            "protocol": "TCP",
            "targetPort": _target(grpc),
            "appProtocol": _HTTP_2,
        },
    ]


def _is_grpc(port: Mapping[str, object]) -> bool:
    named = str(port.get("name", "")).startswith(_GRPC_NAMES)
    return named or port.get("appProtocol") == _HTTP_2


def _target(port: Mapping[str, object]) -> object:
    return port.get("targetPort") or port["port"]

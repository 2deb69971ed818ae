"""A version's predictor as an InferenceService: pure functions.

One object a version, complete when it is made, and never changed: a label or an annotation that is
put on it later would roll its pods.
"""

from collections.abc import Mapping
from math import ceil
from typing import Any
from urllib.parse import urlparse

from cluster.disk import Disk, disk
from cluster.kinds import INFERENCE_SERVICE, Object
from cluster.names import (
    annotation,
    label_value,
    labels,
    predictor_name,
    said,
)
from cluster.places import GRPC_PORT
from cluster.settings import Autoscaling, Predictor
from components import gateway
from components.arms import version_of
from components.endpoint import Endpoint
from components.platform import StoredVersion
from components.predictor.arguments import arguments

PART = "predictor"
WAKES = "wakes"
"""Annotation: the namespace of the interceptor by which the arm is asked, since it may sleep."""
_CLASS, _SCALED = "serving.kserve.io/autoscalerClass", "external"
MODELS = "/mnt/models"
"""Where KServe has the initializer put the version's files."""
FILES = "kserve-provision-location"
"""The volume that it mounts there; one of this name that a predictor brings is taken."""
SCHEME = "sluice"
"""Of the addresses that our own initializer takes, and no other on the cluster."""
_PORT = 8080
_DRAIN_MARGIN_S = 5.0
"""How much longer than its queue's deadline a predictor may take for its last answers."""
_LEAVE_S = 5
"""Proxies hear of a pod that ends within 0.3 s; until then it serves on."""
_STAYS_S = 180
"""So long a pod that is to end serves on while somebody asks it. Proxies ask one that ends where no
other is ready: so the next pod of a lone one has the time to start."""
_NOBODY = 65532
_DISK = "ephemeral-storage"
_STORED = ("model", "version", "digest", "uri")


def inference_service(
    endpoint: Endpoint,
    stored: StoredVersion,
    arm: str,
    settings: Predictor,
    autoscaling: Autoscaling | None = None,
) -> Object:
    """The predictor of an arm, from the version's verified files."""
    return INFERENCE_SERVICE.object(
        {
            "name": predictor_name(endpoint.name, arm),
            "labels": {
                **labels(PART, endpoint=endpoint.name, arm=arm),
                "networking.kserve.io/visibility": "cluster-local",
            },
            "annotations": {
                "serving.kserve.io/deploymentMode": "Standard",
                # Where nobody scales KServe itself has to see to the file's number of pods: it does
                # so for this class alone. An "external" one begins with one, whatever is asked.
                _CLASS: _SCALED if autoscaling else "none",
                "serving.kserve.io/enable-prometheus-scraping": "false",
                "serving.kserve.io/enable-metric-aggregation": "false",
                **{annotation(key): value for key, value in _identity(endpoint, stored, arm)},
                **_may_sleep(endpoint, autoscaling),
            },
        },
        spec={"predictor": _predictor(endpoint, stored, arm, settings)},
    )


def _identity(endpoint: Endpoint, stored: StoredVersion, arm: str) -> list[tuple[str, str]]:
    return [
        ("endpoint", endpoint.name),
        ("arm", arm),
        ("model", stored.model),
        ("version", stored.version),
        ("digest", stored.digest),
        ("uri", stored.uri),
        ("price", endpoint.serving.price or ""),
    ]


def _may_sleep(endpoint: Endpoint, autoscaling: Autoscaling | None) -> dict[str, str]:
    """Where the interceptor is that wakes the version, if it may sleep."""
    asleep = endpoint.serving.scaling.min == 0
    wakes = autoscaling.interceptor if autoscaling and asleep else ""
    return {annotation(WAKES): wakes} if wakes else {}


def is_ours(found: Object, endpoint: str, arm: str) -> bool:
    """Whether an object was made for this arm, and not by somebody else under the same name."""
    return (said(found, "endpoint"), said(found, "arm")) == (endpoint, arm)


def is_scaled(found: Object) -> bool:
    """Whether KServe leaves the number of pods to an autoscaler.

    An InferenceService says so, and its Deployment, which has it from there.
    """
    annotations: Mapping[str, str] = found["metadata"].get("annotations") or {}
    return annotations.get(_CLASS) == _SCALED


def stored_in(found: Object) -> StoredVersion:
    """What the predictor was created from."""
    model, version, digest, uri = (said(found, key) for key in _STORED)
    return StoredVersion(model, version, digest, uri)


def storage_uri(stored: StoredVersion) -> str:
    """The address of the version's files for our initializer, with what they must add up to."""
    place = urlparse(stored.uri)
    return f"{SCHEME}://{place.netloc}{place.path}#sha256:{stored.digest}"


def _predictor(
    endpoint: Endpoint, stored: StoredVersion, arm: str, settings: Predictor
) -> dict[str, Any]:
    serving = endpoint.serving
    grace = _LEAVE_S + _STAYS_S + int(serving.queue.deadline + _DRAIN_MARGIN_S) + 5
    name = predictor_name(endpoint.name, arm)
    given = disk(stored.size, serving.resources.memory)
    return {
        # A version begins awake, whether or not it may sleep later.
        "minReplicas": max(1, serving.scaling.min),
        "labels": {
            gateway.ENDPOINT_LABEL: label_value(endpoint.name),
            gateway.VERSION_LABEL: label_value(arm),
            **labels(PART, endpoint=endpoint.name, arm=arm),
        },
        "deploymentStrategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
        },
        "storageContainerName": settings.container,
        "serviceAccountName": settings.account,
        "automountServiceAccountToken": False,
        # A Service called "s3" would put its address into every program's environment.
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": grace,
        # Where it has no handler yet, SIGTERM does not end a process that is the first one: what is
        # told to go while it fetches its files, or starts, would stay for all of that time.
        "shareProcessNamespace": True,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _NOBODY,
            "runAsGroup": _NOBODY,
            "fsGroup": _NOBODY,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"serving.kserve.io/inferenceservice": name}},
            }
        ],
        "volumes": _volumes(given, serving.resources.memory),
        "containers": [_container(endpoint, stored, arm, settings, given)],
    }


def _volumes(given: Disk | None, memory: str) -> list[dict[str, Any]]:
    """Where the model is loaded from a copy, and where the files are that it is a copy of."""
    if given is None:
        return [{"name": "tmp", "emptyDir": {"sizeLimit": memory}}]
    return [
        {"name": "tmp", "emptyDir": {"sizeLimit": given.scratch}},
        {"name": FILES, "emptyDir": {"sizeLimit": given.files}},
    ]


def _container(
    endpoint: Endpoint,
    stored: StoredVersion,
    arm: str,
    settings: Predictor,
    given: Disk | None,
) -> dict[str, Any]:
    serving = endpoint.serving
    ready = {"httpGet": {"path": f"/v2/models/{endpoint.name}/ready", "port": _PORT}}
    live = {"httpGet": {"path": "/v2/health/live", "port": _PORT}}
    resources = {"cpu": serving.resources.cpu, "memory": serving.resources.memory}
    return {
        "name": "kserve-container",
        "image": settings.image,
        "imagePullPolicy": settings.pull,
        "command": ["python", "-m", "components.predictor"],
        "args": [
            f"--bundle={MODELS}",
            f"--model-name={endpoint.name}",
            f"--model-version={version_of(arm)}",
            "--host=0.0.0.0",
            f"--http-port={_PORT}",
            f"--grpc-port={GRPC_PORT}",
            "--listen-when-ready",
            f"--stay={_STAYS_S}",
            f"--grace={serving.queue.deadline + _DRAIN_MARGIN_S}",
            *arguments(serving),
        ],
        "env": [{"name": "STORAGE_URI", "value": storage_uri(stored)}],
        "ports": [
            {"name": "http1", "containerPort": _PORT, "protocol": "TCP"},
            # By this name KServe tells the gateway that it speaks HTTP/2.
            {"name": "h2c", "containerPort": GRPC_PORT, "protocol": "TCP"},
        ],
        "startupProbe": {**ready, "periodSeconds": 1, "failureThreshold": ceil(serving.starts)},
        "readinessProbe": {**ready, "periodSeconds": 1, "timeoutSeconds": 2, "failureThreshold": 3},
        "livenessProbe": {**live, "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 3},
        "resources": {
            "requests": resources | ({_DISK: given.request} if given else {}),
            "limits": resources | ({_DISK: given.limit} if given else {}),
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "lifecycle": {"preStop": {"sleep": {"seconds": _LEAVE_S}}},
        # Its last line says why it does not serve.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 (in the container)
    }

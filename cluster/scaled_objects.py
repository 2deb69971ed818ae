"""What scales a version, as objects of KEDA and of its HTTP add-on: pure functions.

A version that may not sleep is scaled by how many requests wait at its predictors, as Prometheus
has it. Where that is not known, nothing is taken away. One that may sleep has no predictor to be
scraped: its requests go by the add-on's interceptor, which wakes it, holds them until somebody
answers, and says how many are under way. So waking needs no Prometheus.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from cluster.inference_services import WAKES
from cluster.kinds import (
    DEPLOYMENT,
    INFERENCE_SERVICE,
    INTERCEPTOR_ROUTE,
    SCALED_OBJECT,
    Kind,
    Object,
)
from cluster.names import annotation, label_value, labels, predictor_name, said
from cluster.settings import Autoscaling
from cluster.slots import WAKES_S, Waking
from cluster.spelling import duration
from components import gateway
from components.endpoint import Endpoint
from components.platform import ANSWER_MARGIN_S

PART = "scaling"
_LEAST, _MOST, _FLOOR = "min-replicas", "max-replicas", "floor"
"""Annotations: what the file says, and a floor while one is held."""
_SCALER = "keda-add-ons-http-external-scaler"
_EVERY_S = 5
"""Between two looks of KEDA: it wakes by push, this is for the floor and for going to sleep."""
_FAILURES = 3
_KEDA_S_MOST = 100
"""Of a ScaledObject that names none."""
_LOOKS_BACK_S = 15
"""A queue's depth is a gauge: the mean over so long, which Kubernetes' autoscaler asks as often."""
_REMEMBERS_S = 600
"""The queue of a predictor that does not answer its scrapes any more counts on for so long."""


@dataclass(frozen=True)
class Scaled:
    """What a ScaledObject says of an arm."""

    arm: str
    floor: int
    most: int


def waking(endpoint: str, arm: str, namespace: str, interceptor: str) -> Waking:
    """The way to an arm that may sleep, whose interceptor is in the namespace ``interceptor``."""
    return Waking(interceptor, f"{predictor_name(endpoint, arm)}.{namespace}")


def object_named(endpoint: str, arm: str) -> str:
    """The name of an arm's ScaledObject."""
    return predictor_name(endpoint, arm)


def objects_named(endpoint: str, arm: str, *, sleeps: bool) -> list[tuple[Kind, str]]:
    """The kinds and names of all that scales an arm; ``sleeps``: which may sleep."""
    name = object_named(endpoint, arm)
    routes = _routes(name) if sleeps else ()
    return [(SCALED_OBJECT, name), *((INTERCEPTOR_ROUTE, each) for each in routes)]


def deployment_name(endpoint: str, arm: str) -> str:
    """The Deployment of a predictor, and its Service, as KServe names them."""
    return f"{predictor_name(endpoint, arm)}-predictor"


def scaled_object(
    endpoint: Endpoint, arm: str, owner: Object, settings: Autoscaling, floor: int
) -> Object:
    """The autoscaler of an arm, which goes with its predictor.

    Args:
        endpoint: its file.
        arm: whose.
        owner: its InferenceService.
        settings: of the installation.
        floor: it is held at so many.
    """
    scaling = endpoint.serving.scaling
    cooldown = max(1, round(scaling.cooldown))
    name, namespace = predictor_name(endpoint.name, arm), owner["metadata"]["namespace"]
    sleeps = bool(said(owner, WAKES))
    least = scaling.min if sleeps else max(1, scaling.min)
    noted = {_LEAST: str(least), _MOST: str(scaling.max), _FLOOR: str(floor)}
    return SCALED_OBJECT.object(
        _metadata(endpoint.name, arm, name, owner, noted),
        spec={
            "scaleTargetRef": {
                "apiVersion": DEPLOYMENT.version,
                "kind": DEPLOYMENT.name,
                "name": deployment_name(endpoint.name, arm),
            },
            "pollingInterval": _EVERY_S,
            "cooldownPeriod": cooldown,
            # It would begin to sleep at once, as it was never asked.
            "initialCooldownPeriod": cooldown,
            **bounds(max(floor, least), max(1, scaling.max)),
            "fallback": {
                "failureThreshold": _FAILURES,
                "replicas": max(1, least),
                "behavior": "currentReplicasIfHigher",
            },
            "advanced": {"horizontalPodAutoscalerConfig": {"behavior": _behavior(cooldown)}},
            "triggers": (
                [_by_requests(each, settings) for each in _routes(name)]
                if sleeps
                else [_by_queue(endpoint, arm, namespace, settings)]
            ),
        },
    )


def bounds(least: int, most: int) -> dict[str, int]:
    """Of a ScaledObject's spec."""
    return {"minReplicaCount": least, "maxReplicaCount": max(least, most)}


def _behavior(cooldown: int) -> Object:
    """Fewer one after the other: what an arm is asked has just become more, when a floor goes."""
    period = max(1, cooldown // 5)
    policies = [
        {"type": "Pods", "value": 1, "periodSeconds": period},
        {"type": "Percent", "value": 10, "periodSeconds": period},
    ]
    return {
        "scaleDown": {
            "stabilizationWindowSeconds": cooldown,
            "selectPolicy": "Max",
            "policies": policies,
        }
    }


def _by_queue(endpoint: Endpoint, arm: str, namespace: str, settings: Autoscaling) -> Object:
    """More predictors where more requests wait; an unknown number is an error, not zero."""
    return {
        "type": "prometheus",
        "metricType": "AverageValue",
        "metadata": {
            "serverAddress": settings.prometheus,
            "query": queue(endpoint.name, arm, namespace),
            "threshold": str(endpoint.serving.scaling.queue_depth),
            "ignoreNullValues": "false",
        },
    }


def queue(endpoint: str, arm: str, namespace: str) -> str:
    """How many requests wait at the predictors of an arm, all together, in Prometheus' language.

    One that is too busy to be scraped waits for more than nothing: it counts as it did last. Where
    none is scraped nobody knows: there is no answer.
    """
    which = {
        gateway.NAMESPACE_LABEL: namespace,
        gateway.ENDPOINT_LABEL: label_value(endpoint),
        gateway.VERSION_LABEL: label_value(arm),
    }
    picked = ",".join(f'{key}="{value}"' for key, value in which.items())
    depth = f"inference_queue_depth{{{picked}}}"
    known = f"avg_over_time({depth}[{_LOOKS_BACK_S}s])"
    last = f"last_over_time({depth}[{_REMEMBERS_S}s])"
    silent = f"{last} and on (instance) up{{{picked}}} == 0"
    return f"sum({known} or ({silent})) and on () sum({known})"


def _by_requests(route: str, settings: Autoscaling) -> Object:
    """More predictors where more requests are under way by one of an arm's InterceptorRoutes."""
    return {
        "type": "external-push",
        "metadata": {
            "scalerAddress": f"{_SCALER}.{settings.interceptor}:9090",
            "interceptorRoute": route,
        },
    }


def _routes(name: str) -> tuple[str, str]:
    """The InterceptorRoutes of a predictor: for REST, and for gRPC."""
    return name, f"{name}-grpc"


def interceptor_routes(
    endpoint: Endpoint, arm: str, owner: Object, rest: int, grpc: int
) -> Iterator[Object]:
    """How the interceptor knows an arm that may sleep: for REST and for gRPC.

    Args:
        endpoint: its file.
        arm: whose.
        owner: its InferenceService.
        rest: the port of its Service for REST.
        grpc: that for gRPC.
    """
    if not said(owner, WAKES):
        return
    serving = endpoint.serving
    name, namespace = predictor_name(endpoint.name, arm), owner["metadata"]["namespace"]
    way = waking(endpoint.name, arm, namespace, said(owner, WAKES))
    for route, port, host in zip(
        _routes(name), (rest, grpc), (way.host, way.grpc_host), strict=True
    ):
        yield INTERCEPTOR_ROUTE.object(
            _metadata(endpoint.name, arm, route, owner, {}),
            spec={
                "target": {"service": deployment_name(endpoint.name, arm), "port": port},
                "rules": [{"hosts": [host]}],
                "scalingMetric": {"concurrency": {"targetValue": serving.scaling.queue_depth}},
                "timeouts": {
                    # Longer than the gateway waits, which tells whoever waited in vain.
                    "readiness": duration(2 * WAKES_S + serving.queue.deadline),
                    "responseHeader": duration(serving.queue.deadline + ANSWER_MARGIN_S),
                },
            },
        )


def _metadata(endpoint: str, arm: str, name: str, owner: Object, more: dict[str, str]) -> Object:
    of = owner["metadata"]
    identity = {"endpoint": endpoint, "arm": arm, **more}
    return {
        "name": name,
        "labels": labels(PART, endpoint=endpoint, arm=arm),
        "annotations": {annotation(key): value for key, value in identity.items()},
        "ownerReferences": [
            {
                "apiVersion": INFERENCE_SERVICE.version,
                "kind": INFERENCE_SERVICE.name,
                "name": of["name"],
                "uid": of["uid"],
            }
        ],
    }


def is_of(found: Object, owner: Object) -> bool:
    """Whether an object goes with this InferenceService, and not with one of the same name."""
    owners: list[Object] = found["metadata"].get("ownerReferences") or []
    return any(each["uid"] == owner["metadata"]["uid"] for each in owners)


def held(found: Object) -> Scaled:
    """What a ScaledObject of ours says; what somebody took out of it is what KEDA makes of it."""
    spec = found.get("spec") or {}
    least, most = spec.get("minReplicaCount", 0), spec.get("maxReplicaCount", _KEDA_S_MOST)
    return Scaled(said(found, "arm"), least, most)


def hold_patch(found: Object, floor: int) -> Object | None:
    """What is changed of a ScaledObject to hold a floor; None: it is held so far."""
    if floor <= held(found).floor:
        return None
    return _patch(floor, held(found).most, {_FLOOR: str(floor)})


def let_go_patch(found: Object) -> Object | None:
    """What is changed of a ScaledObject to take its floor away; None: it has none.

    Where it does not say any more what its file says, the arm never sleeps until its next release.
    """
    now, noted = held(found), said(found, _FLOOR)
    least, most = _noted(found, _LEAST, 1), _noted(found, _MOST, now.most)
    if not noted and now.floor <= least:
        return None
    return _patch(least, most, {_FLOOR: None})


def _noted(found: Object, key: str, default: int) -> int:
    said_so = said(found, key)
    return int(said_so) if said_so.isdecimal() else default


def _patch(least: int, most: int, said_now: dict[str, str | None]) -> Object:
    notes = {annotation(key): value for key, value in said_now.items()}
    return {"metadata": {"annotations": notes}, "spec": bounds(least, most)}

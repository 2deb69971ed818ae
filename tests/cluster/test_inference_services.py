"""A predictor as an InferenceService."""

from dataclasses import replace
from typing import Any

import pytest

from cluster.disk import disk
from cluster.inference_services import FILES, SCHEME, inference_service, stored_in
from cluster.settings import Predictor
from components import gateway
from components.platform import StoredVersion
from components.predictor.arguments import parse
from tests.support.endpoints import endpoint as make_endpoint
from tests.support.present import present

STORED = StoredVersion("banking", "8", "ab" * 32, f"s3://sluice/versions/{'ab' * 32}")
SETTINGS = Predictor(image="registry.example/predictor@sha256:0", pull="Never")


def predictor(**serving: Any) -> dict[str, Any]:
    endpoint = make_endpoint("demo", serving=serving)
    found: dict[str, Any] = inference_service(endpoint, STORED, "8", SETTINGS)["spec"]["predictor"]
    return found


def container(**serving: Any) -> dict[str, Any]:
    (only,) = predictor(**serving)["containers"]
    found: dict[str, Any] = only
    return found


def test_what_it_serves_is_read_back() -> None:
    made = inference_service(make_endpoint("demo"), STORED, "8", SETTINGS)
    assert stored_in(made) == STORED
    assert made["metadata"]["name"] == "demo-v8"


def test_the_address_names_our_initializer_and_what_the_files_must_add_up_to() -> None:
    (variable,) = container()["env"]
    assert variable["name"] == "STORAGE_URI"
    assert variable["value"] == f"{SCHEME}://sluice/versions/{STORED.digest}#sha256:{'ab' * 32}"
    assert predictor()["storageContainerName"] == SETTINGS.container


def test_its_command_line_is_one_that_the_predictor_takes() -> None:
    settings = parse(container(queue={"deadline": "9s"}, execution={"executors": 2})["args"])
    assert (settings.model_name, settings.model_version) == ("demo", "8")
    assert (settings.deadline, settings.execution.executors) == (9.0, 2)
    assert settings.grace > settings.deadline
    ports = {each["name"]: each["containerPort"] for each in container()["ports"]}
    assert ports == {"http1": settings.http_port, "h2c": settings.grpc_port}


def test_a_baseline_says_that_it_is_its_version() -> None:
    made = inference_service(make_endpoint("demo"), STORED, "8-baseline", SETTINGS)
    (only,) = made["spec"]["predictor"]["containers"]
    assert parse(only["args"]).model_version == "8"
    assert made["spec"]["predictor"]["labels"][gateway.VERSION_LABEL] == "8-baseline"


@pytest.mark.parametrize("deadline", ["50ms", "5s", "10m"])
def test_a_pod_that_ends_leaves_the_proxies_first_and_then_finishes(deadline: str) -> None:
    found = predictor(queue={"deadline": deadline})
    leaves = found["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    told = parse(found["containers"][0]["args"])
    assert told.stay > 60  # until the next pod of a lone one is there
    assert found["shareProcessNamespace"]  # and so it is ended before it handles SIGTERM
    assert found["terminationGracePeriodSeconds"] > leaves + told.stay + told.leave + told.grace


def test_a_copy_of_any_model_that_can_be_loaded_has_room() -> None:
    """Its memory would be the model's own, and its files may be larger than a few megabytes."""
    (tmp,) = predictor(resources={"cpu": "1", "memory": "6Gi"})["volumes"]
    assert tmp == {"name": "tmp", "emptyDir": {"sizeLimit": "6Gi"}}


def test_a_version_whose_size_is_known_has_room_for_both_of_its_copies() -> None:
    memory = {"cpu": "1", "memory": "6Gi"}
    endpoint = make_endpoint("demo", serving={"resources": memory})
    sized = replace(STORED, size=5 * 2**30)
    made = inference_service(endpoint, sized, "8", SETTINGS)["spec"]["predictor"]
    given = present(disk(sized.size, "6Gi"))
    limits = {each["name"]: each["emptyDir"]["sizeLimit"] for each in made["volumes"]}
    assert limits == {"tmp": given.scratch, FILES: given.files}
    (container,) = made["containers"]
    resources = container["resources"]
    assert resources["requests"] == memory | {"ephemeral-storage": given.request}
    assert resources["limits"] == memory | {"ephemeral-storage": given.limit}


def test_the_file_s_resources_are_request_and_limit() -> None:
    resources = {"cpu": "500m", "memory": "3Gi"}
    assert container(resources=resources)["resources"] == {
        "requests": resources,
        "limits": resources,
    }


def test_kserve_keeps_the_file_s_number_of_pods() -> None:
    """Of another class than this a predictor has one pod, whatever is asked."""
    made = inference_service(make_endpoint("demo"), STORED, "8", SETTINGS)
    assert made["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] == "none"
    assert predictor(scaling={"min": 0, "max": 3})["minReplicas"] == 1
    assert predictor(scaling={"min": 2, "max": 3})["minReplicas"] == 2


def test_it_may_what_restricted_pods_may() -> None:
    found = predictor()
    assert found["securityContext"]["runAsNonRoot"]
    assert not found["automountServiceAccountToken"]
    (only,) = found["containers"]
    assert only["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize(("serving", "seconds"), [({}, 600), ({"starts": "90500ms"}, 91)])
def test_a_model_may_load_for_as_long_as_its_file_says(
    serving: dict[str, str], seconds: int
) -> None:
    probe = container(**serving)["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] == seconds


def test_it_is_ready_when_its_model_is() -> None:
    for probe in ("startupProbe", "readinessProbe"):
        assert container()[probe]["httpGet"]["path"] == "/v2/models/demo/ready"
    assert container()["livenessProbe"]["httpGet"]["path"] == "/v2/health/live"

"""Which workflow is a release's run, and which endpoints can have none."""

from typing import Any

import pytest

from cluster.names import object_name
from cluster.workflows import release_of, template, workflow, workflow_name
from components.errors import InputError
from tests.support.endpoints import endpoint


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        ({"steps": [100]}, "release-0"),
        ({"steps": [10, 100]}, "release-1"),
        ({"steps": [1, 5, 10, 25, 50, 100]}, "release-5"),
    ],
)
def test_an_endpoint_has_the_template_of_its_watched_steps(
    release: dict[str, Any], expected: str
) -> None:
    assert template(endpoint("demo", release=release)) == expected


@pytest.mark.parametrize(
    ("release", "said"),
    [
        ({"steps": [1, 2, 5, 10, 25, 50, 100]}, "release.steps: Argo has templates of 5 steps"),
        ({"lease": "59s"}, "release.lease: 59 s is less than a pod may take to start"),
        (
            {"watch": "720h", "judge": {"max_extension": 100}},
            "release.watch: 1 watches and their extensions may take 3030 days",
        ),
    ],
)
def test_an_endpoint_that_no_workflow_can_hold_is_refused_by_the_key(
    release: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        template(endpoint("demo", release=release))


def test_a_workflow_says_its_template_and_names_and_nothing_else() -> None:
    made = workflow("rel-demo-v2-1", endpoint("demo"), "2", "rel-demo-v2-1")
    assert made["spec"].keys() == {"workflowTemplateRef", "arguments"}
    assert made["spec"]["arguments"]["parameters"] == [
        {"name": "endpoint", "value": "demo"},
        {"name": "release_id", "value": "rel-demo-v2-1"},
        {"name": "version", "value": "2"},
    ]
    assert release_of(made) == "rel-demo-v2-1"


def test_a_version_that_the_record_or_the_alias_says_is_left_out() -> None:
    made = workflow("r", endpoint("demo"), "", "r")
    assert [each["name"] for each in made["spec"]["arguments"]["parameters"]] == [
        "endpoint",
        "release_id",
    ]


def test_a_workflow_of_somebody_else_is_of_no_release() -> None:
    assert release_of({"spec": {}}) == ""
    assert release_of({"spec": {"arguments": {"parameters": None}}}) == ""


def test_a_release_s_name_is_its_first_run_s_and_never_too_long() -> None:
    assert workflow_name("rel-demo-v2-1") == "rel-demo-v2-1"
    assert workflow_name("rel-demo-v2-1", 3) == "rel-demo-v2-1-r3"
    longest = f"rel-{'e' * 41}-v123456789-12"
    assert workflow_name(longest) == longest
    assert len(workflow_name(longest, 10)) <= 63
    assert workflow_name("demo-vCandidate.1") == object_name("demo-vCandidate.1")

"""Releases as workflows of Argo: what they are called, and which endpoints can have one.

The templates are in `pipelines/compiled/argo`, and `manifests/components/argo` makes them known.
A workflow names its template and the release, and nothing else: admission refuses all that is more.
"""

from cluster.kinds import WORKFLOW, Object
from cluster.names import object_name
from components.endpoint import Endpoint
from components.errors import InputError

RELEASE = "release_id"
"""The parameter that says which release a workflow is a run of."""
MOST_STEPS = 5
"""Watched steps for which there is a template."""
SHORTEST_LEASE_S = 60.0
"""A lease is silent from one step's end to the next one's start, in a new pod: 6 to 13 s on a node
at rest, 30 s on a loaded one (measured on one of two cores)."""
LONGEST_S = 366 * 24 * 3600.0
"""The workflow's own deadline."""
_LONGEST_NAME = 63


def template(endpoint: Endpoint) -> str:
    """The template of the endpoint's releases.

    Raises:
        InputError: its file asks for what no workflow can hold; names the key.
    """
    settings = endpoint.release
    watched = sum(step < 100 for step in settings.steps)
    if watched > MOST_STEPS:
        raise InputError(
            f"{endpoint.name}: release.steps: Argo has templates of {MOST_STEPS} steps below 100"
            f" at most, not of {watched}: leave some out"
        )
    if settings.lease < SHORTEST_LEASE_S:
        raise InputError(
            f"{endpoint.name}: release.lease: {settings.lease:g} s is less than a pod may take to"
            f" start: write {SHORTEST_LEASE_S:g}s or more"
        )
    longest = watched * settings.watch * (1 + settings.judge.max_extension)
    if longest > LONGEST_S:
        raise InputError(
            f"{endpoint.name}: release.watch: {watched} watches and their extensions may take"
            f" {longest / 86400:.0f} days: a workflow ends after {LONGEST_S / 86400:.0f}"
        )
    return f"release-{watched}"


def workflow(release_id: str, endpoint: Endpoint, version: str, name: str) -> Object:
    """A run of a release.

    Args:
        release_id: the release.
        endpoint: whose.
        version: of the candidate; empty if the record says it already, or the alias decides.
        name: the workflow's.

    Raises:
        InputError: see `template`.
    """
    given = {"endpoint": endpoint.name, RELEASE: release_id, "version": version}
    return WORKFLOW.object(
        {"name": name},
        spec={
            "workflowTemplateRef": {"name": template(endpoint)},
            "arguments": {
                "parameters": [
                    {"name": key, "value": value} for key, value in given.items() if value
                ]
            },
        },
    )


def workflow_name(release_id: str, run: int = 1) -> str:
    """The name of a release's first run, or of a later one."""
    return object_name(release_id if run == 1 else f"{release_id}-r{run}", _LONGEST_NAME)


def release_of(found: Object) -> str:
    """The release of which a workflow is a run; empty if of none."""
    given = (found["spec"].get("arguments") or {}).get("parameters") or []
    return next((str(each.get("value") or "") for each in given if each["name"] == RELEASE), "")

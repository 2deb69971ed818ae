"""The passes over a team's endpoints as a workflow that is begun by the clock."""

from hera.workflows import CronWorkflow, Resources, WorkflowTemplate
from hera.workflows import models as m

from pipelines.hera.common import shared
from pipelines.hera.templates import pod

NAME = "reconcile"
ACCOUNT = "sluice-reconcile"
"""It may make releases' workflows, which a step may not."""
EVERY_MIN = 2


def reconcile() -> WorkflowTemplate:
    """One pass of `pipelines.reconcile`: what webhooks lost is found by it."""
    with WorkflowTemplate(
        name=NAME, entrypoint="pass", active_deadline_seconds=600, **shared(ACCOUNT)
    ) as template:
        pod(
            "pass",
            ["python3", "-m", "cli"],
            ["reconcile"],
            active_deadline_seconds=300,
            resources=Resources(
                cpu_request="50m", cpu_limit=1, memory_request="128Mi", memory_limit="512Mi"
            ),
        )
    return template


def clock() -> CronWorkflow:
    """A pass every two minutes, of a template as any workflow (the controller runs no others).

    A pass that was missed is made once; one that takes long has no other beside it. An hour that
    comes twice, or not at all, is none of a clock without one.
    """
    return CronWorkflow(
        name=NAME,
        schedules=[f"*/{EVERY_MIN} * * * *"],
        timezone="UTC",
        concurrency_policy="Forbid",
        starting_deadline_seconds=60 * EVERY_MIN,
        successful_jobs_history_limit=1,
        failed_jobs_history_limit=3,
        workflow_template_ref=m.WorkflowTemplateRef(name=NAME),
    )

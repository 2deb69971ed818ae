"""The release as a workflow of Argo."""

from collections.abc import Mapping

from hera.workflows import DAG, Parameter, RetryStrategy, Step, Steps, Task, WorkflowTemplate
from hera.workflows import models as m

from components.release import steps
from pipelines.hera.common import shared
from pipelines.hera.templates import LOST, NOTHING, container
from pipelines.pods import DAY_S

TO_THE_END = RetryStrategy(
    limit=5, retry_policy="Always", backoff=m.Backoff(duration="5s", factor=2)
)
"""Of finalize: whatever stops it. The reaper follows if nothing helps."""
YEAR_S = 366 * DAY_S


def release(watched_steps: int) -> WorkflowTemplate:
    """The release of an endpoint whose file has ``watched_steps`` traffic steps below 100%.

    1. fetch: take the lease; download and verify candidate and champion.
    2. evaluate: score both on the same held-out rows, time the candidate.
    3. deploy: serve the candidate beside the champion, without traffic.
    4. shift and watch: once for each traffic step, as long as the judge says PROMOTE.
    5. promote, or roll back.
    6. finalize: whatever happened, end the release from its record and clean up.

    A watch, and a step that is held, goes on in a new pod each day, from its record. The workflow's
    own deadline is no limit of either: what hangs loses its lease, and the reaper ends it.

    A pod that is shown as succeeded and has written no result (a hard reset does that) decides
    nothing: the step that follows does what is missing, and the record says where it leads.
    """
    given = {name: f"{{{{workflow.parameters.{name}}}}}" for name in ("endpoint", "version")}
    this = {"release_id": "{{workflow.parameters.release_id}}"}

    def task(
        name: str, after: Task | None = None, when: str = "", more: Mapping[str, str] = {}
    ) -> Task:
        """A task; ``name`` is the step's, and what stands behind a dash tells tasks apart."""
        step = name.partition("-")[0]
        depends = f"{after.name}.Succeeded" if after else None
        return Task(
            name=name, template=step, arguments={**this, **more}, depends=depends, when=when or None
        )

    def from_stage(stage: int, after: Task, when: str = "") -> None:
        if stage > watched_steps:
            task("promote", after, when)
            return
        at = {"stage": str(stage)}
        shifted = task(f"shift-{stage}", after, when, at)
        watched = task(f"watch-{stage}", shifted, more=at)
        from_stage(stage + 1, watched, _is_one_of(watched, "verdict", "PROMOTE", NOTHING))
        task(f"rollback-{stage}", watched, _is_none_of(watched, "verdict", "PROMOTE", NOTHING))

    with WorkflowTemplate(
        name=f"release-{watched_steps}",
        entrypoint="release",
        # Finalize itself would be marked as failed past the workflow's deadline, for its retries;
        # a DAG around it when the workflow is stopped, while its pod begins. Steps are waited for.
        on_exit="exit",
        arguments=[
            Parameter(name="endpoint"),
            Parameter(name="release_id"),
            Parameter(name="version", value=""),
        ],
        # `mutex=` is taken by Hera, and is in no workflow that it writes.
        synchronization=m.Synchronization(
            mutexes=[m.Mutex(name="release-{{workflow.parameters.endpoint}}")]
        ),
        active_deadline_seconds=YEAR_S,
        **shared(),
    ) as template:
        for step in (steps.fetch, steps.deploy, steps.rollback):
            container(step)
        container(steps.evaluate)
        for waiting in (steps.shift, steps.watch, steps.promote):
            container(waiting, retries=RetryStrategy(limit=1000, expression=LOST))
        container(steps.finalize, retries=TO_THE_END)
        with DAG(name="release"):
            fetched = task("fetch", more=given)
            evaluated = task("evaluate", fetched)
            goes_on = _is_one_of(evaluated, "strategy", "canary", "direct", NOTHING)
            deployed = task("deploy", evaluated, goes_on)
            from_stage(1, deployed, _is_one_of(evaluated, "strategy", "canary", NOTHING))
            task("promote-direct", deployed, _is_one_of(evaluated, "strategy", "direct"))
            task("rollback", evaluated, _is_one_of(evaluated, "strategy", "rejected"))
        with Steps(name="exit"):
            Step(name="finalize", template="finalize", arguments=this)
    return template


def _is_one_of(task: Task, result: str, *words: str) -> str:
    """Whether a task's result is one of ``words``: all are plain words, so quotes suffice."""
    return " || ".join(f"'{_result(task, result)}' == '{word}'" for word in words)


def _is_none_of(task: Task, result: str, *words: str) -> str:
    """Whether a task's result is none of ``words``."""
    return " && ".join(f"'{_result(task, result)}' != '{word}'" for word in words)


def _result(task: Task, result: str) -> str:
    return f"{{{{tasks.{task.name}.outputs.parameters.{result}}}}}"

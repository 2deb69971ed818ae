"""The steps as templates of Argo: names, defaults and results are those of the step's signature.

Values of parameters are templates to Argo, which evaluates what stands in ``{{...}}``, and the
kubelet expands ``$(...)``. So parameters are names, never users' texts: all else is in the record.
"""

import inspect
import json
from collections.abc import Callable
from typing import Any

from hera.workflows import (
    Container,
    EmptyDirVolume,
    Env,
    Parameter,
    Resources,
    RetryStrategy,
    SecretEnv,
    SecretVolume,
)
from hera.workflows import models as m
from pydantic import BaseModel

from pipelines import pods

NOTHING = "unwritten"
"""What a result is that no step has written: no verdict, no outcome and no strategy. Argo 4.0.5
waits for ever for the result of a task that was skipped, if it has no default."""

STOP = ["python3", "-m", "components.stop_step"]
GRACE_S = 60
"""Seconds from SIGTERM to SIGKILL."""
LOST = 'lastRetry.status == "Error" || lastRetry.exitCode in ["137", "143"]'
"""A pod was deleted, evicted, killed for its memory, or had its time: its step goes on in another
pod. A step that failed is not tried again, and a verdict is no failure."""


def container(step: Callable[..., BaseModel], retries: RetryStrategy | None = None) -> Container:
    """The template of one step.

    Args:
        step: the typed function (`components.release.steps`).
        retries: default: lost pods, and nothing else.
    """
    given = pods.pod_of(step.__name__)
    signature = inspect.signature(step, eval_str=True)
    names = list(signature.parameters)
    flags = [f"--{name.replace('_', '-')}={{{{inputs.parameters.{name}}}}}" for name in names]
    result: type[BaseModel] = signature.return_annotation
    return pod(
        step.__name__,
        ["python3", "-m", "components"],
        # A value stays a value, whatever it begins with, only behind its flag's "=".
        [step.__name__, "--outputs=/tmp/outputs", *flags],
        inputs=[_input(parameter) for parameter in signature.parameters.values()],
        outputs=[_output(field) for field in result.model_fields],
        # Kubernetes runs the first when it deletes a pod or its time is over, Argo the second when
        # a workflow is stopped.
        lifecycle=m.Lifecycle(pre_stop=m.LifecycleHandler(exec=m.ExecAction(command=STOP))),
        annotations={"workflows.argoproj.io/kill-cmd-main": json.dumps(STOP)},
        retry_strategy=retries or RetryStrategy(limit=5, expression=LOST),
        active_deadline_seconds=given.deadline_s,
        resources=Resources(
            cpu_request=pods.CPU[0],
            cpu_limit=pods.CPU[1],
            memory_request=pods.MEMORY,
            memory_limit=given.memory,
        ),
    )


def pod(name: str, command: list[str], arguments: list[str], **more: Any) -> Container:
    """A template that runs our image as all of them do, with restricted rights."""
    return Container(
        name=name,
        image=pods.IMAGE,
        image_pull_policy=pods.PULL,
        command=command,
        args=arguments,
        env=_environment(),
        volumes=[
            EmptyDirVolume(name="tmp", mount_path="/tmp"),  # noqa: S108 (the pod's own)
            SecretVolume(
                name="store",
                mount_path=pods.STORE_FILES,
                secret_name=pods.STORE,
                optional=True,
                read_only=True,
            ),
        ],
        security_context=m.SecurityContext(
            allow_privilege_escalation=False,
            capabilities=m.Capabilities(drop=["ALL"]),
            read_only_root_filesystem=True,
        ),
        **more,
    )


def _input(parameter: inspect.Parameter) -> Parameter:
    if parameter.default is inspect.Parameter.empty:
        return Parameter(name=parameter.name)
    return Parameter(name=parameter.name, default=parameter.default)


def _output(field: str) -> Parameter:
    found = m.ValueFrom(path=f"/tmp/outputs/{field}", default=NOTHING)  # noqa: S108
    return Parameter(name=field, value_from=found)


def _environment() -> list[Env | SecretEnv]:
    """What a step is told; `docs/environment.md` says what each variable is for."""
    keys = [
        SecretEnv(name=key, secret_name=pods.STORE, secret_key=key, optional=True)
        for key in pods.STORE_KEYS
    ]
    return [
        Env(name="HOME", value="/tmp"),  # noqa: S108
        Env(name="SLUICE_PLATFORM", value="cluster"),
        # A team's workflows are in its namespace's name and "-runs".
        Env(name="SLUICE_NAMESPACE", value='{{=sprig.trimSuffix("-runs", workflow.namespace)}}'),
        # A workflow's name may be given again; its number never is.
        Env(name="SLUICE_ENGINE", value="workflow {{workflow.name}} ({{workflow.uid}})"),
        Env(name="SLUICE_FAILURE", value="/dev/termination-log"),
        Env(name="SLUICE_STEP_PROCESS", value="/tmp/step.pid"),  # noqa: S108
        *keys,
    ]

"""What a step's pod is given on KFP: `pipelines.pods`, by KFP's own settings and kfp-kubernetes.

A run on this machine has no pods, so it reads nothing of this (`pipelines.engines.local_runner`).
KFP itself lets no container of a step gain rights, and drops its capabilities; a root that is read
only, and a hook that hands SIGTERM on, are what it has no setting for.
"""

from typing import Any

from kfp import kubernetes

from pipelines import pods

ENVIRONMENT = {
    "HOME": "/tmp",  # noqa: S108 (the pod's own)
    "SLUICE_PLATFORM": "cluster",
    "SLUICE_FAILURE": "/dev/termination-log",
}
"""What each step is told; who submits adds whose team it acts for (`pipelines.kfp.bound`)."""
RUN = "metadata.labels['pipeline/runid']"
"""KFP's number of a run, which its pods carry: on whose behalf they hold the lease."""

AGAIN = dict.fromkeys(("shift", "watch", "promote", "finalize"), 5)
"""How often a pod of these steps that failed is tried again, others `_AGAIN` times. KFP does not
tell a pod that was lost from a step that failed; a step that is tried again finds what is done."""
_AGAIN = 2

LONGEST_WATCH_S = AGAIN["watch"] * pods.pod_of("watch").deadline_s
"""Of one step's watch: each pod has its deadline, and the next one goes on from the record."""


def given(task: Any, step: str) -> Any:
    """The task of the step of that name, with all that its pod is given."""
    pod = pods.pod_of(step)
    task.set_cpu_request(pods.CPU[0]).set_cpu_limit(pods.CPU[1])
    task.set_memory_request(pods.MEMORY).set_memory_limit(pod.memory)
    task.set_retry(tries(step), backoff_duration="5s", backoff_factor=2.0)
    for name, value in ENVIRONMENT.items():
        task.set_env_variable(name, value)
    kubernetes.use_field_path_as_env(task, "SLUICE_ENGINE", RUN)
    kubernetes.use_secret_as_env(
        task, pods.STORE, {key: key for key in pods.STORE_KEYS}, optional=True
    )
    kubernetes.use_secret_as_volume(task, pods.STORE, pods.STORE_FILES, optional=True)
    kubernetes.set_image_pull_policy(task, pods.PULL)
    kubernetes.set_timeout(task, pod.deadline_s)
    kubernetes.set_security_context(task, run_as_user=pods.USER, run_as_group=pods.USER)
    for name, value in pods.LABELS.items():
        kubernetes.add_pod_label(task, name, value)
    for name, value in pods.ANNOTATIONS.items():
        kubernetes.add_pod_annotation(task, name, value)
    return task


def tries(step: str) -> int:
    """How often a pod of the step that failed is tried again."""
    return AGAIN.get(step, _AGAIN)

"""What all of our workflows have in common."""

import json
from typing import Any

from hera.workflows import models as m

from pipelines import pods
from pipelines.hera.templates import GRACE_S

KEPT_S = 24 * 3600
KEPT_FAILED_S = 7 * KEPT_S


def shared(account: str = pods.ACCOUNT) -> dict[str, Any]:
    """Account, user, and how long a workflow and its pods stay when it has ended."""
    return {
        "service_account_name": account,
        "security_context": m.PodSecurityContext(
            run_as_non_root=True,
            run_as_user=pods.USER,
            run_as_group=pods.USER,
            fs_group=pods.USER,
            seccomp_profile=m.SeccompProfile(type="RuntimeDefault"),
        ),
        "pod_spec_patch": json.dumps(
            {"terminationGracePeriodSeconds": GRACE_S, "enableServiceLinks": False}
        ),
        "pod_metadata": m.Metadata(labels=pods.LABELS, annotations=pods.ANNOTATIONS),
        # Logs are there as long as the pods: those of a workflow that failed to its own end.
        "pod_gc": m.PodGC(strategy="OnWorkflowSuccess", delete_delay_duration="10m"),
        "ttl_strategy": m.TTLStrategy(
            seconds_after_completion=KEPT_S, seconds_after_failure=KEPT_FAILED_S
        ),
    }

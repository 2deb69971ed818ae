"""What the pod of a step is given, whichever engine makes it: one table for KFP and for Argo."""

from dataclasses import dataclass

IMAGE = "sluice-steps"
"""The one image of all steps; overlays, or who submits, say whose and which."""
PULL = "IfNotPresent"
USER = 65532
"""The user of the image; what an engine puts beside a step in its pod is run as the same one."""
ACCOUNT = "sluice-step"
"""The service account: it may do what a step does, and make no runs."""

STORE = "sluice-store"
"""The Secret with the store's keys; where there is none the cloud knows the pod."""
STORE_FILES = "/etc/sluice/store"
"""Where a pod has it as files, which are changed when it is..."""
STORE_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
"""...and the variables that an earlier Sluice's image knows in their place."""

NO_MESH = "sidecar.istio.io/inject"
"""Istio asks for a label of this name, and has an annotation of it for older versions."""
LABELS = {
    "app.kubernetes.io/name": "sluice-step",
    "sluice.release/part": "step",
    NO_MESH: "false",
}
"""By which network policies know the pods, and a mesh those that it must leave alone."""
ANNOTATIONS = {
    NO_MESH: "false",
    "linkerd.io/inject": "disabled",
    "kuma.io/sidecar-injection": "disabled",
    "consul.hashicorp.com/connect-inject": "false",
}
"""No mesh puts a proxy beside a step: one that does not end keeps the pod, and so the run, alive
for ever, and one that begins late refuses the step's first calls."""

HOUR_S = 3600
DAY_S = 24 * HOUR_S

CPU = ("100m", "2")
"""What a step asks for, and the most that it may use."""
MEMORY = "256Mi"
"""What a step asks for; the most is its own (`Pod.memory`)."""


@dataclass(frozen=True)
class Pod:
    """One step's."""

    deadline_s: int = HOUR_S
    """Of one pod, the time that its image takes included."""
    memory: str = "2Gi"
    """That it may use."""


_WAITING = Pod(DAY_S)
"""It may be held, or watch, for longer than a day: then it goes on in another pod. Each of them
goes on with a watch that an engine believes to be done, too."""
_OF = {
    # It may wait twice for the longest `serving.starts`.
    "deploy": Pod(2 * HOUR_S),
    "evaluate": Pod(6 * HOUR_S, "4Gi"),
    "shift": _WAITING,
    "watch": _WAITING,
    "promote": _WAITING,
}


def pod_of(step: str) -> Pod:
    """The pod of the step of that name."""
    return _OF.get(step, Pod())

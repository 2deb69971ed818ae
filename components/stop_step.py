"""End the step of this container: ``python -m components.stop_step``, before the pod ends.

Argo's executor is process 1 of a step's container. In version 4.0.5 it answers SIGTERM with SIGKILL
of the step, at once (`cmd/argoexec`: the context of `exec.CommandContext` ends). So what ends a pod
runs this first: Kubernetes as the container's ``preStop``, Argo by the annotation
``workflows.argoproj.io/kill-cmd-main``.
"""

import os
import signal
import time
from pathlib import Path

from components.step_cli import PROCESS

STARTS_S = 5.0
"""How long a step may take to write its number: it is about to import what it needs."""
LOOK_S = 0.05


def main(starts_s: float = STARTS_S) -> None:
    """Send SIGTERM to the step, and wait until it is gone; harmless if it is gone already.

    How long it may take is the pod's to say: after its grace period everything is killed.
    """
    file = Path(os.environ[PROCESS])
    end = time.monotonic() + starts_s
    while not file.exists() and time.monotonic() < end:
        time.sleep(LOOK_S)
    try:
        process = int(file.read_text(encoding="utf-8"))
        os.kill(process, signal.SIGTERM)
        while True:
            time.sleep(LOOK_S)
            os.kill(process, 0)
    except (FileNotFoundError, ProcessLookupError):
        return


if __name__ == "__main__":
    main()

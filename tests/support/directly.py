"""Releases whose steps a process of their own runs, one after the other, without any engine."""

import multiprocessing
import os
from collections.abc import Mapping
from multiprocessing.process import BaseProcess

_ROOMS = ("components.release.steps", "components.evaluation", "cluster.connect")
"""What takes seconds to import: once, for all releases."""


def begin(
    endpoint: str,
    version: str,
    release_id: str,
    watched: int,
    environment: Mapping[str, str] = {},
) -> BaseProcess:
    """Begin a release; the process's exit code is 0 if every step did its part.

    Args:
        endpoint: its name.
        version: to be released.
        release_id: of the new release.
        watched: how many steps the endpoint's file has below 100%.
        environment: variables of the process, beside or instead of this one's.
    """
    started = multiprocessing.get_context("forkserver")
    started.set_forkserver_preload(list(_ROOMS))
    process = started.Process(
        target=_run, args=(endpoint, version, release_id, watched, environment)
    )
    process.start()
    return process


def _run(
    endpoint: str, version: str, release_id: str, watched: int, environment: Mapping[str, str]
) -> None:
    from components.release import steps
    from components.release.context import ENGINE
    from components.release.lease import this_process

    os.environ.update(environment)
    # All steps are of one run, which holds the lease under one name.
    os.environ[ENGINE] = this_process()
    try:
        _steps(endpoint, version, release_id, watched)
    finally:
        steps.finalize(release_id)


def _steps(endpoint: str, version: str, release_id: str, watched: int) -> None:
    """The graph of `pipelines/kfp/release.py`."""
    from components.release import steps

    steps.fetch(endpoint, version, release_id)
    strategy = steps.evaluate(release_id).strategy
    if strategy == "rejected":
        return
    steps.deploy(release_id)
    for stage in range(1, watched + 1 if strategy == "canary" else 1):
        steps.shift(release_id, stage)
        if steps.watch(release_id, stage).verdict != "PROMOTE":
            return
    steps.promote(release_id)

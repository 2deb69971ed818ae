"""The steps that pipelines run: the typed contract that KFP and Argo copy, and nothing else."""

from components import failure
from components.platform import connect
from components.release import ending, opening, resuming
from components.release.context import opened
from components.release.results import Deployed, Due, Ended, Evaluated, Fetched, Shifted, Watched
from components.release.wanted import due_at


def due(endpoint: str, watched: int) -> Due:
    """Say what is to be released at an endpoint now; the clock asks, and nothing is changed.

    Args:
        endpoint: the endpoint's name.
        watched: the watched steps for which the pipeline that asks was compiled.
    """
    with failure.left():
        return due_at(connect(), endpoint, watched)


def fetch(endpoint: str, version: str, release_id: str) -> Fetched:
    """Open the release: take the lease, download and verify the candidate and the champion.

    Args:
        endpoint: the endpoint's name.
        version: the version to release; the alias `candidate` decides if empty.
        release_id: identifies the release in every later step.
    """
    with opened(release_id) as release:
        return opening.fetch(release, endpoint, version)


def evaluate(release_id: str) -> Evaluated:
    """Score candidate and champion on the same held-out rows and time the candidate."""
    with opened(release_id) as release:
        return resuming.evaluate(release)


def deploy(release_id: str) -> Deployed:
    """Serve the candidate beside the champion, without any traffic yet."""
    with opened(release_id) as release:
        return resuming.deploy(release)


def shift(release_id: str, stage: int) -> Shifted:
    """Give the candidate the share of the ``stage``-th watched step (from 1)."""
    with opened(release_id) as release:
        return resuming.shift(release, stage)


def watch(release_id: str, stage: int) -> Watched:
    """Poll and judge until the ``stage``-th watched step (from 1) is decided."""
    with opened(release_id) as release:
        return resuming.watch(release, stage)


def promote(release_id: str) -> Ended:
    """Give the candidate all of the traffic; then move the aliases."""
    with opened(release_id) as release:
        return resuming.promote(release)


def rollback(release_id: str, reason: str = "") -> Ended:
    """Give the champion all of the traffic and end the release.

    Args:
        release_id: the release.
        reason: why an operator wants it; the evaluation or the newest verdict decides if empty.
    """
    with opened(release_id) as release:
        return ending.rollback(release, reason)


def finalize(release_id: str) -> Ended:
    """End the release from its record, whatever the engine believes, and clean up."""
    with opened(release_id) as release:
        return ending.finalize(release)

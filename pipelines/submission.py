"""Releases on Kubeflow Pipelines: one now, or what the clock finds due.

KFP knows nothing of leases and names: so a release has the name that it has whoever begins it, and
the clock's runs are given their endpoint alone (`pipelines.kfp.clock`).
"""

import hashlib
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from components.endpoint import Endpoint, refuse_undecidable
from components.errors import InputError, LeaseHeld, Unreachable
from components.platform import Platform
from components.release.wanted import by_hand
from pipelines import compiler, pods
from pipelines.engines.kubeflow import Answer, Kubeflow
from pipelines.kfp.bound import bound
from pipelines.kfp.pod import LONGEST_WATCH_S
from pipelines.schedule import Schedule

SHORTEST_LEASE_S = 120.0
"""A lease is silent from one step's end to the next one's start. KFP begins a step by a pod of its
own (the driver), then the step's: twice what Argo takes (`cluster.workflows`)."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
"""What may be a value of a parameter: Argo, below KFP, evaluates what stands in ``{{...}}``."""
_IMAGE = re.compile(r"[\w.:/-]+@sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Runs:
    """Whose the runs are."""

    image: str
    """Of the steps, with its digest."""
    team: str
    """The namespace of the endpoints; the runs' pods are in another."""
    account: str = pods.ACCOUNT
    """The service account of the runs' pods."""

    def __post_init__(self) -> None:
        if not _IMAGE.fullmatch(self.image):
            raise InputError(
                f"--image: {self.image!r} has no digest, so it may be another image tomorrow: write"
                " NAME@sha256:..."
            )


@dataclass(frozen=True)
class Submitted:
    """What a server was asked for."""

    release_id: str
    """Empty where the clock finds it."""
    version: str
    """The uploaded version of the pipeline."""
    run: str
    """The id of the run, or of the recurring one."""
    url: str
    replaced: tuple[str, ...] = ()
    """Recurring runs of the same endpoint that begin no more runs."""


def release(
    server: Kubeflow, platform: Platform, endpoint: Endpoint, version: str, runs: Runs
) -> Submitted:
    """Begin a release now.

    Args:
        server: of KFP.
        platform: where the endpoint is.
        endpoint: as the platform knows it.
        version: of the candidate; empty: that with the alias.
        runs: whose the run is.

    Raises:
        InputError: the endpoint's file asks for what KFP cannot do, or nothing is a candidate.
        LeaseHeld: another release of the endpoint is under way, or this one is.
        PlatformError: the server refuses.
    """
    _refuse(endpoint)
    refuse_undecidable(endpoint)
    release_id = by_hand(platform, endpoint.name, version)
    given = {"endpoint": endpoint.name, "release_id": release_id, "version": version}
    body, uploaded = _order(server, endpoint, runs, compiler.RELEASE, given)
    experiment = str(body["experiment_id"])
    body["display_name"] = release_id
    for place in (experiment, server.known(_former_name(endpoint, runs))):
        if run := place and server.going_on(release_id, place):
            raise LeaseHeld(f"a run of release {release_id} goes on already: {server.link(run)}")
    try:
        run = server.run(body)
    except Unreachable:
        # Its answer may have been lost: a second run would take the first one's lease.
        if not (run := server.going_on(release_id, experiment)):
            raise
    return Submitted(release_id, uploaded, run, server.link(run))


def recurring(server: Kubeflow, endpoint: Endpoint, schedule: Schedule, runs: Runs) -> Submitted:
    """Let the clock release what the registry wants: one at a time, and what was missed once.

    A recurring run of the endpoint that is there already begins no more runs from then on; a run of
    it that goes on does so.

    Raises:
        InputError: the endpoint's file asks for what KFP cannot do.
        PlatformError: the server refuses.
    """
    _refuse(endpoint)
    refuse_undecidable(endpoint)
    given = {"endpoint": endpoint.name}
    body, uploaded = _order(server, endpoint, runs, compiler.CLOCK, given)
    name, experiment = str(body["display_name"]), str(body["experiment_id"])
    body |= {
        "trigger": {"cron_schedule": {"cron": schedule.six_fields}},
        "mode": "ENABLE",
        "max_concurrency": 1,
        # KFP catches up by default, run by run.
        "no_catchup": True,
    }
    before = server.recurring(name, experiment)
    former = _former_name(endpoint, runs)
    if place := server.known(former):
        before += server.recurring(former, place, given)
    try:
        made = server.recur(body)
    except Unreachable:
        new = [each for each in server.recurring(name, experiment) if each not in before]
        if not new:
            raise
        made = new[0]
    for each in before:
        server.disable(each)
    return Submitted("", uploaded, made, server.link(made, recurring=True), tuple(before))


def _order(
    server: Kubeflow, endpoint: Endpoint, runs: Runs, form: str, given: dict[str, str]
) -> tuple[Answer, str]:
    """What a run and a recurring one are ordered by, and the version that was uploaded for it."""
    for name, value in given.items():
        if value and not _NAME.fullmatch(value):
            raise InputError(f"{name}: {value!r} is no name: letters, digits, '.', '_' and '-'")
    watched = sum(step < 100 for step in endpoint.release.steps)
    with tempfile.TemporaryDirectory(prefix="sluice-kfp-") as folder:
        package = compiler.package(watched, Path(folder), form).read_text(encoding="utf-8")
    package = bound(package, runs.image, runs.team)
    digest = hashlib.sha256(package.encode()).hexdigest()[:12]
    version = f"{form}-{watched}-{digest}"
    pipeline = server.pipeline(f"sluice-{form}", "A model's way to production (Sluice).")
    reference = {
        "pipeline_id": pipeline,
        "pipeline_version_id": server.version(pipeline, version, package),
    }
    # Two teams may have an endpoint of one name; neither's name has a full stop.
    experiment = f"sluice-{runs.team}.{endpoint.name}"
    body: Answer = {
        "display_name": experiment,
        "experiment_id": server.experiment(experiment),
        "pipeline_version_reference": reference,
        "runtime_config": {"parameters": given},
        "service_account": runs.account,
    }
    return body, version


def _former_name(endpoint: Endpoint, runs: Runs) -> str:
    """The experiment and the schedule that an earlier Sluice made: others may be called so, too."""
    return f"sluice-{runs.team}-{endpoint.name}"


def _refuse(endpoint: Endpoint) -> None:
    settings = endpoint.release
    if settings.lease < SHORTEST_LEASE_S:
        raise InputError(
            f"{endpoint.name}: release.lease: {settings.lease:g} s is less than two pods may take"
            f" to start, as KFP begins each step: write {SHORTEST_LEASE_S:g}s or more"
        )
    longest = settings.watch * (1 + settings.judge.max_extension)
    if longest > LONGEST_WATCH_S:
        raise InputError(
            f"{endpoint.name}: release.watch: one watch and its extensions may take"
            f" {longest / pods.DAY_S:.0f} days: the pods that KFP makes for it end after"
            f" {LONGEST_WATCH_S / pods.DAY_S:.0f}"
        )

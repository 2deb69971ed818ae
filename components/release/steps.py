"""The steps of a release, in the order of the road.

Each is idempotent: it reads the decision record, does what is not done yet, and writes what it did.
So any of them may be killed at any line and run again, by a retry, a resumed run or the reaper.
"""

import functools
import inspect
import math
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from pydantic import BaseModel, ConfigDict

from components import bundle, failure, judge
from components import endpoint as endpoints
from components.endpoint import Endpoint
from components.errors import (
    ArtifactError,
    InputError,
    LeaseHeld,
    PlatformError,
    SluiceError,
    Unreachable,
)
from components.judge import Verdict
from components.platform import Platform, Weights, connect
from components.registry import ModelVersion, Registry
from components.release import watching
from components.release.journal import EXPERIMENT, TAG, Journal, journal, opened
from components.release.lease import Hold, acquire, heartbeat, overtaken_by
from components.release.state import Outcome, State
from components.release.state import Path as Road

APPLIED_TIMEOUT_S = 10.0
"""A gateway that has not taken a split by then is broken; a healthy one takes under 0.1 s."""
READY_TIMEOUT_S = 300.0
GLANCE_PATIENCE_S = 10.0
"""How long a release waits for production's counters before it goes on without a forecast."""
REGISTRY_PATIENCE_S = 60.0
"""How long a promotion waits for MLflow before it turns back."""


_Arguments = ParamSpec("_Arguments")
_Returned = TypeVar("_Returned")


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True)


class Fetched(_Result):
    """What will be released, and beside what."""

    candidate: str
    champion: str
    """Empty on a first release."""
    path: str
    """first, canary, re-release or unchanged."""


class Evaluated(_Result):
    """Which way the promotion criteria send the candidate."""

    road: str
    """canary (watched beside the champion), direct (nothing to be watched beside) or rejected."""
    reason: str


class Deployed(_Result):
    """The predictors that run."""

    versions: str
    """Separated by commas."""


class Shifted(_Result):
    """The split in force."""

    percent: int
    """The candidate's share."""
    applied_s: float
    """Seconds until the gateway itself reported it; 0 if it was in force already."""


class Watched(_Result):
    """What the judge said at the end of the watch."""

    verdict: str
    """PROMOTE, ROLLBACK, HOLD or ERROR."""
    reason: str


class Ended(_Result):
    """How the release ended."""

    outcome: str
    """promoted, rolled_back, held, error, or none if it never began."""
    reason: str


class _Release:
    """What every step works with: the platform, the registry, the record."""

    def __init__(self, release_id: str) -> None:
        self.platform: Platform = connect()
        self.registry = Registry(self.platform.registry_url)
        self.journal: Journal = opened(self.platform.home, release_id, self.registry)

    def bundle(self, version: str) -> Path:
        """Where the verified files of a version stand."""
        return self.platform.home / "bundles" / self.journal.state().model / version

    def hold(self, state: State) -> Hold:
        """Take the lease for a release that is still under way.

        Raises:
            LeaseHeld: another release has it, or this one was ended meanwhile.
        """
        endpoint = state.endpoint
        hold = acquire(
            self.platform.leases, endpoint.name, state.release_id, endpoint.release.lease
        )
        # Nobody ends a release without its lease, so from here on the record cannot say otherwise.
        ended = self.journal.state()
        if ended.outcome:
            hold.release()
            raise LeaseHeld(
                f"release {state.release_id} has ended: {ended.outcome}: {ended.reason};"
                " start a new one"
            )
        return hold

    def mirror(self) -> None:
        """Copy the record to MLflow; if that fails the reaper does it later."""
        try:
            self.journal.mirror(self.registry)
        except SluiceError as error:
            self.journal.event("mirror_failed", str(error))


def _telling(step: Callable[_Arguments, _Returned]) -> Callable[_Arguments, _Returned]:
    """Say why a step failed, to its engine and, as that may not live, in the record."""

    @functools.wraps(step)
    def told(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Returned:
        try:
            return step(*args, **kwargs)
        except LeaseHeld as error:
            failure.leave(error)
            raise  # the release is another process's now: so is its record
        except SluiceError as error:
            failure.leave(error)
            given = inspect.signature(step).bind(*args, **kwargs).arguments
            log = journal(connect().home, given["release_id"])
            if log.exists():
                log.event("step_failed", f"{step.__name__}: {error}")
            raise

    return told


@_telling
def fetch(endpoint: str, version: str, release_id: str) -> Fetched:
    """Open the release: take the lease, download and verify the candidate and the champion.

    Args:
        endpoint: name of a file in `endpoints/`, or a path to one.
        version: the version to release; the alias `candidate` decides if empty.
        release_id: identifies the release in every later step.

    Raises:
        InputError: the endpoint's file, the model or the version is wrong.
        ArtifactError: the files are missing, altered or refused.
        LeaseHeld: another release of the endpoint is under way.
    """
    platform = connect()
    if not journal(platform.home, release_id).exists():
        _begin(platform, endpoints.find(endpoint), version, release_id)
    release = _Release(release_id)
    state = release.journal.state()
    hold = release.hold(state)
    if not state.fetched:
        with _told(release), heartbeat(hold, state.endpoint.release.lease / 3):
            for wanted in {state.candidate, state.champion} - {None}:
                _download(release, state.endpoint, str(wanted))
        release.journal.append("action", {"action": "fetch", "version": state.candidate})
    return Fetched(candidate=state.candidate, champion=state.champion or "", path=state.path)


@contextmanager
def _told(release: _Release) -> Iterator[None]:
    """End the release with what was wrong, where trying again would not help."""
    try:
        yield
    except InputError as error:
        _end(release, "error", str(error))
        raise


def _begin(platform: Platform, endpoint: Endpoint, version: str, release_id: str) -> None:
    # The lease comes first: whoever is refused leaves nothing behind, and a release that is killed
    # before its record begins leaves a lease, which the reaper gives back.
    hold = acquire(platform.leases, endpoint.name, release_id, endpoint.release.lease)
    try:
        with heartbeat(hold, endpoint.release.lease / 3):
            _open_record(platform, endpoint, version, release_id)
    except SluiceError:
        hold.release()
        raise


def _open_record(platform: Platform, endpoint: Endpoint, version: str, release_id: str) -> None:
    log = journal(platform.home, release_id)
    registry = Registry(platform.registry_url)
    named = version or registry.alias(endpoint.model, "candidate")
    if named is None:
        raise InputError(
            f"model {endpoint.model} has no alias 'candidate': set it, or name a --version"
        )
    entry = registry.version(endpoint.model, named)
    candidate = entry.version
    alias = registry.alias(endpoint.model, "champion")
    champion, path = _road(entry, alias, platform.traffic.weights(endpoint))
    run_id = registry.find_run(EXPERIMENT, TAG, release_id) or registry.create_run(
        EXPERIMENT,
        release_id,
        {TAG: release_id, "sluice.endpoint": endpoint.name, "sluice.version": candidate},
    )
    log.folder.mkdir(parents=True, exist_ok=True)
    log.append(
        "release",
        {
            "schema": 1,
            "release_id": release_id,
            "endpoint": endpoint.name,
            "model": endpoint.model,
            "candidate": candidate,
            "champion": champion,
            "path": path,
            "run_id": run_id,
            "policy": endpoint.release.policy().model_dump(mode="json"),
            "settings": endpoint.model_dump(mode="json"),
        },
    )


def _road(candidate: ModelVersion, alias: str | None, routed: Weights) -> tuple[str | None, Road]:
    """The champion and the way to go.

    The alias belongs to the model, which several endpoints may serve; what an endpoint's users get
    is its route's to say. So a route decides who the champion is, and the alias only where there is
    no route yet.
    """
    champion = alias
    if routed and alias not in routed:
        champion = max(routed, key=lambda version: routed[version])
    if champion is None or (champion == candidate.version and not routed):
        return None, "first"
    if champion == candidate.version:
        return champion, "unchanged"
    return champion, "re-release" if TAG in candidate.tags else "canary"


def _download(release: _Release, endpoint: Endpoint, version: str) -> None:
    folder = release.bundle(version)
    expected = release.registry.version(endpoint.model, version).tags.get("sluice.manifest")
    if not folder.exists():
        parts = folder.with_name(f".{version}.part")
        shutil.rmtree(parts, ignore_errors=True)
        release.registry.download(endpoint.model, version, parts)
        bundle.verify(parts, expected, endpoint.serving.allow_pickle)
        parts.rename(folder)
    bundle.verify(folder, expected, endpoint.serving.allow_pickle)
    if expected is None:
        raise ArtifactError(
            f"{endpoint.model} version {version} has no tag 'sluice.manifest', so nobody vouches"
            " for its files: register it with 'sluice register'"
        )


@_telling
def evaluate(release_id: str) -> Evaluated:
    """Score candidate and champion on the same held-out rows and time the candidate.

    Every number goes into the record and onto the version in the registry.
    """
    release = _Release(release_id)
    state = release.journal.state()
    evaluation = state.evaluation or _evaluate(release, state)
    if not evaluation["passed"]:
        return Evaluated(road="rejected", reason="; ".join(evaluation["reasons"]))
    road = "canary" if state.path in ("canary", "re-release") else "direct"
    return Evaluated(road=road, reason=f"{state.path}: the promotion criteria hold")


def _evaluate(release: _Release, state: State) -> dict[str, Any]:
    from components.evaluation import evaluate as score

    if state.path == "unchanged":
        skipped: dict[str, Any] = {"passed": True, "reasons": [], "skipped": "already champion"}
        release.journal.append("evaluation", skipped)
        return skipped
    with _told(release), heartbeat(release.hold(state), state.endpoint.release.lease / 3):
        result = score(
            state.endpoint,
            release.bundle(state.candidate),
            release.bundle(state.champion) if state.champion else None,
        )
        evaluation: dict[str, Any] = result.model_dump(mode="json")
        numbers = result.numbers()
        entry = release.registry.version(state.model, state.candidate)
        release.registry.log_metrics(state.run_id, numbers, entry.model_id)
        release.registry.tag_version(
            state.model, state.candidate, {f"sluice.{key}": value for key, value in numbers.items()}
        )
        release.journal.append("evaluation", evaluation)
        release.mirror()
    return evaluation


@_telling
def deploy(release_id: str) -> Deployed:
    """Serve the candidate beside the champion, without any traffic yet.

    Writes down how soon the judge would see each fault at the present traffic.

    Raises:
        PlatformError: a predictor did not get ready.
        InputError: the gateway's buckets cannot decide the policy's p95 ratio.
    """
    release = _Release(release_id)
    state = release.journal.state()
    endpoint, serving = state.endpoint, release.platform.serving
    wanted = [version for version in (state.champion, state.candidate) if version]
    if not state.deployed:
        watched = state.path in ("canary", "re-release")
        before = _glance(release, state) if watched else None
        hold = release.hold(state)
        with heartbeat(hold, endpoint.release.lease / 3):
            for version in set(serving.versions(endpoint)) - set(wanted):
                serving.delete(endpoint, version)
            for version in dict.fromkeys(wanted):
                # A champion that serves is left alone: its file may have changed since it was
                # deployed, and to apply that is to restart it under all of the traffic.
                if version != state.champion or not serving.ready(endpoint, version):
                    serving.create(endpoint, version, release.bundle(version))
            for version in wanted:
                _wait_ready(release.platform, endpoint, version)
            if state.champion and not release.platform.traffic.weights(endpoint):
                _set_weights(release, state, hold, {state.champion: 100})
        if watched:
            _foresee(release, state, before)
        release.journal.append("action", {"action": "deploy", "versions": wanted})
    return Deployed(versions=",".join(wanted))


def _foresee(release: _Release, state: State, before: watching.Glance | None) -> None:
    now = _glance(release, state)
    if now is None:
        detail = "production's counters could not be read: no preflight of the p95, no forecast"
        release.journal.event("not_foreseen", detail)
        return
    policy = state.endpoint.release.policy()
    checked = judge.preflight(policy, now.buckets)
    if now.requests and not checked.ok and policy.method == "sequential":
        _end(release, "error", checked.text)
        raise InputError(checked.text)
    if before is None:
        detail = "production's counters could be read only once: no rate of traffic, no forecast"
        release.journal.event("not_foreseen", f"{detail}; {checked.text}")
        return
    plan = watching.forecast(policy, before, now)
    release.journal.append("forecast", {"preflight": checked.text, **plan.to_json()})


def _glance(release: _Release, state: State) -> watching.Glance | None:
    """Production's counters, asked for until they can be read or patience ends."""
    deadline = time.monotonic() + GLANCE_PATIENCE_S
    while True:
        found = watching.glance(release.platform, state)
        # A histogram without edges is that of a gateway which was not scraped.
        if found is not None and (found.requests or found.buckets):
            return found
        if time.monotonic() > deadline:
            return None
        time.sleep(0.5)


def _wait_ready(platform: Platform, endpoint: Endpoint, version: str) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while not platform.serving.ready(endpoint, version):
        if time.monotonic() > deadline:
            raise PlatformError(
                f"{endpoint.name} version {version} was not ready after {READY_TIMEOUT_S:.0f} s:"
                " see its log, 'sluice status' names it"
            )
        time.sleep(0.2)


@_telling
def shift(release_id: str, stage: int) -> Shifted:
    """Give the candidate the share of the ``stage``-th watched step (from 1).

    The share stays as it is if the poll just before ends the release; the watch then says so.

    Raises:
        LeaseHeld: the release was taken over.
        PlatformError: the gateway did not take the split.
    """
    release = _Release(release_id)
    state = release.journal.state()
    percent = state.watched_steps[stage - 1]
    if state.champion is None:
        raise InputError(f"release {release_id} has no champion: there is nothing to shift from")
    if state.percent == percent or percent in state.passed:
        return Shifted(percent=percent, applied_s=0.0)
    hold = release.hold(state)
    if _spoken(watching.poll(release.platform, release.journal)):
        return Shifted(percent=state.percent, applied_s=0.0)
    split = {state.champion: 100 - percent, state.candidate: percent}
    applied = _set_weights(release, state, hold, split)
    if stage == 1:
        _try_alias(release, state)
    return Shifted(percent=percent, applied_s=applied)


def _spoken(verdict: Verdict) -> bool:
    """True when the poll before a shift ended the release: the watch will say so."""
    return verdict.final and verdict.decision != "PROMOTE"


def _try_alias(release: _Release, state: State) -> None:
    """Mark the version that has canary traffic; a registry that is away must not stop a watch."""
    try:
        release.registry.set_alias(state.model, "candidate", state.candidate)
    except Unreachable as error:
        release.journal.event("registry_unreachable", str(error))
    else:
        release.journal.append(
            "action", {"action": "set_alias", "alias": "candidate", "version": state.candidate}
        )


def _set_weights(release: _Release, state: State, hold: Hold, weights: Weights) -> float:
    """Put ``weights`` in force under the lease, and write it down.

    A process that was suspended just before may wake when its release has ended: it finds the lease
    gone afterwards, and gives the traffic to the version that the record names.
    """
    traffic = release.platform.traffic
    hold.renew()
    traffic.set_weights(state.endpoint, weights)
    try:
        hold.renew()
    except LeaseHeld:
        ended = release.journal.state().outcome
        keeps = state.candidate if ended == "promoted" else state.champion
        if ended:
            traffic.set_weights(state.endpoint, {keeps: 100} if keeps else {})
        raise
    applied = traffic.wait_applied(state.endpoint, weights, APPLIED_TIMEOUT_S)
    body = {"action": "set_weights", "weights": dict(weights), "applied_s": round(applied, 4)}
    release.journal.append("action", body)
    return applied


@_telling
def watch(release_id: str, stage: int) -> Watched:
    """Poll and judge until the ``stage``-th watched step (from 1) is decided.

    Raises:
        LeaseHeld: the release was taken over.
    """
    release = _Release(release_id)
    state = release.journal.state()
    percent = state.watched_steps[stage - 1]
    if percent not in state.passed:
        hold = release.hold(state)
        verdict = watching.watch(release.platform, release.journal, hold)
        with heartbeat(hold, state.endpoint.release.lease / 3):
            release.mirror()
        return Watched(verdict=verdict.decision, reason=verdict.text)
    return Watched(verdict="PROMOTE", reason=f"{percent}% was passed before")


@_telling
def promote(release_id: str) -> Ended:
    """Give the candidate all of the traffic; then, and only then, move the aliases.

    If the registry stays away, the champion gets its traffic back: a platform and a registry that
    disagree would release the wrong version next time.
    """
    release = _Release(release_id)
    state = release.journal.state()
    if state.outcome:
        return Ended(outcome=state.outcome, reason=state.reason)
    hold = release.hold(state)
    if not state.promoting:
        if state.path in ("canary", "re-release"):
            missing = set(state.watched_steps) - set(state.passed)
            if missing:
                raise InputError(f"release {release_id} has not passed {min(missing)}%: watch it")
            verdict = watching.poll(release.platform, release.journal)
            if _spoken(verdict):
                return _turn_back(release, state, hold, *_judged(release.journal.state()))
        _set_weights(release, state, hold, {state.candidate: 100})
    try:
        with heartbeat(hold, state.endpoint.release.lease / 3):
            _patiently(lambda: _record_promotion(release.registry, state))
    except LeaseHeld:
        raise
    except SluiceError as error:
        return _turn_back(release, state, hold, "error", f"promotion not recorded: {error}")
    release.journal.append(
        "action", {"action": "set_alias", "alias": "champion", "version": state.candidate}
    )
    reason = {
        "first": "the first version of this endpoint meets the promotion criteria",
        "unchanged": "this version was the champion already",
    }.get(state.path, "every watched step found it safe")
    return _end(release, "promoted", reason)


def _record_promotion(registry: Registry, state: State) -> None:
    """Tags first; the alias `champion` last, because that is what others go by."""
    tags = {TAG: state.release_id, "sluice.outcome": "promoted"}
    if state.champion and state.champion != state.candidate:
        tags["sluice.previous_champion"] = state.champion
    registry.tag_version(state.model, state.candidate, tags)
    registry.delete_alias(state.model, "candidate")
    registry.set_alias(state.model, "champion", state.candidate)


def _patiently(call: Callable[[], None]) -> None:
    deadline = time.monotonic() + REGISTRY_PATIENCE_S
    while True:
        try:
            call()
            return
        except Unreachable:
            if time.monotonic() > deadline:
                raise
        time.sleep(1.0)


def rollback(release_id: str, reason: str = "") -> Ended:
    """Give the champion all of the traffic and end the release.

    Args:
        release_id: the release.
        reason: why an operator wants it; the evaluation or the newest verdict decides if empty.
    """
    release = _Release(release_id)
    state = release.journal.state()
    if state.outcome:
        return Ended(outcome=state.outcome, reason=state.reason)
    hold = release.hold(state)
    if reason:
        return _turn_back(release, state, hold, "rolled_back", reason)
    return _turn_back(release, state, hold, *_judged(state))


def _judged(state: State) -> tuple[Outcome, str]:
    """How a release ends that is not promoted, from what its record holds."""
    if state.evaluation and not state.evaluation["passed"]:
        return "rolled_back", "; ".join(state.evaluation["reasons"])
    if state.verdict and state.verdict["final"]:
        ended: dict[str, Outcome] = {"ROLLBACK": "rolled_back", "HOLD": "held"}
        if state.verdict["decision"] != "PROMOTE":
            return ended.get(state.verdict["decision"], "error"), state.why
    if state.failure:
        return "error", state.failure
    if state.passed:
        return "error", f"the pipeline stopped when {max(state.passed)}% had been passed"
    return "error", "the pipeline stopped before a verdict"


def _turn_back(release: _Release, state: State, hold: Hold, outcome: Outcome, reason: str) -> Ended:
    hold.renew()
    # The route itself is asked: a kill may have come between a shift and its line in the record.
    asked = release.platform.traffic.weights(state.endpoint)
    if asked.get(state.candidate) and state.candidate != state.champion:
        _set_weights(release, state, hold, {state.champion: 100} if state.champion else {})
    elif asked:
        # What was asked is not yet what is in force: an earlier try may have failed in between.
        release.platform.traffic.wait_applied(state.endpoint, asked, APPLIED_TIMEOUT_S)
    try:
        with heartbeat(hold, state.endpoint.release.lease / 3):
            _record_return(release.registry, state, outcome)
    except LeaseHeld:
        raise
    except SluiceError as error:
        release.journal.event("registry_unreachable", str(error))
    return _end(release, outcome, reason)


def _record_return(registry: Registry, state: State, outcome: Outcome) -> None:
    """Take back what a promotion that did not come to its end may have written."""
    if registry.alias(state.model, "candidate") == state.candidate:
        registry.delete_alias(state.model, "candidate")
    is_champion = registry.alias(state.model, "champion") == state.candidate
    if state.promoting and is_champion and state.champion:
        registry.set_alias(state.model, "champion", state.champion)
    elif state.promoting and is_champion:
        registry.delete_alias(state.model, "champion")
    tags = {TAG: state.release_id, "sluice.outcome": outcome}
    registry.tag_version(state.model, state.candidate, tags)


def _end(release: _Release, outcome: Outcome, reason: str) -> Ended:
    release.journal.append("end", {"outcome": outcome, "reason": reason})
    return Ended(outcome=outcome, reason=reason)


def finalize(release_id: str) -> Ended:
    """End the release from its record, whatever the engine believes, and clean up.

    A release that had given the candidate all of the traffic is completed; any other that has no
    end yet is rolled back. A candidate that lost is drained, the lease given back. An engine that
    another one has overtaken (a resumed run, the reaper) leaves the release to that one.
    """
    platform = connect()
    if not journal(platform.home, release_id).exists():
        return Ended(outcome="none", reason="the release never began")
    release = _Release(release_id)
    state = release.journal.state()
    lease = platform.leases.read(state.endpoint.name)
    if other := overtaken_by(lease, release_id, time.time()):
        return Ended(outcome="none", reason=f"{other} has taken the release over")
    if state.outcome is None:
        promote(release_id) if state.promoting else rollback(release_id)
        state = release.journal.state()
    lease = platform.leases.read(state.endpoint.name)
    if lease and lease.release_id == release_id:
        seconds = state.endpoint.release.lease
        hold = acquire(platform.leases, state.endpoint.name, release_id, seconds)
        with heartbeat(hold, seconds / 3):
            _clean_up(release, state)
        hold.release()
    return Ended(outcome=str(state.outcome), reason=state.reason)


def _clean_up(release: _Release, state: State) -> None:
    if state.outcome != "promoted" and state.champion != state.candidate:
        release.platform.serving.delete(state.endpoint, state.candidate)
    release.mirror()
    try:
        release.registry.end_run(state.run_id, "FINISHED" if state.outcome != "error" else "FAILED")
    except SluiceError as error:
        release.journal.event("registry_unreachable", str(error))


def new_release_id(endpoint: str, version: str, now: float) -> str:
    """An id that sorts by time and that people can read, from the endpoint's name."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    return f"{endpoint}-v{version or 'candidate'}-{stamp}-{math.floor(now % 1 * 1000):03d}"

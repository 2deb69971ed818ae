"""Deploying: the candidate beside the champion, and what can be seen of the release before it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from components import judge
from components.errors import InputError, PlatformError, SluiceError, Unreachable
from components.judge import Forecast, Policy
from components.platform import wait_for
from components.record import Deployed as DeployedLine
from components.record import ForecastMade
from components.release import baseline, capacity
from components.release.context import Release, as_step
from components.release.losers import LOSERS_GO_S
from components.release.restoring import stands
from components.release.results import Deployed
from components.release.splitting import put_in_force
from components.release.starting import sized, wait_ready
from components.release.state import ReleaseState
from components.release.watching import MIN_MAX_AGE_S

SNAPSHOT_TIMEOUT_S = 15.0
"""How long production's counters are asked for before a release goes on without a forecast."""


@as_step
def deploy(release: Release) -> Deployed:
    """Serve the candidate beside the champion, without any traffic yet.

    Writes down how soon the judge would see each fault at the present traffic.

    Raises:
        PlatformError: a predictor did not get ready.
        InputError: the gateway's buckets cannot decide the policy's p95 ratio.
    """
    state = release.state()
    wanted = [version for version in (state.champion, state.candidate) if version]
    if not state.deployed:
        before = take_snapshot(release, state) if state.watched else None
        _serve(release, state, wanted)
        state = release.state()
        if state.watched:
            _forecast(release, state, before)
        served = (*wanted, state.baseline) if state.baseline else wanted
        codes = _codes(release, state)
        release.record.append(DeployedLine(versions=tuple(served), codes=codes))
    return Deployed(versions=",".join(wanted))


def _serve(release: Release, state: ReleaseState, wanted: list[str]) -> None:
    serving, name = release.platform.serving, state.endpoint.name
    held = release.hold(state)
    with held.kept():
        asked = release.platform.traffic.weights(name)
        if state.champion in asked and not stands(release.platform.traffic, name, state.way_back):
            # A split that nobody watches any more: its versions are in the way.
            put_in_force(release, state, held, state.way_back)
        for version in set(serving.versions(name)) - {*wanted, state.baseline}:
            try:
                serving.delete(name, version, LOSERS_GO_S)
            except SluiceError as error:  # it has no share: the end stops it, or the reaper
                release.record.note("loser_not_stopped", str(error))
        for version in dict.fromkeys(wanted):
            # A champion that serves is left alone: its file may have changed since it was
            # deployed, and to apply that is to restart it under all of the traffic.
            ready = serving.readiness(name, version).state == "ready"
            if version != state.champion or not ready:
                serving.create(state.endpoint, sized(release, state, version), version)
        # As late as the candidate, so that neither is warmer.
        arm = baseline.decide(release, state) if state.watched else ""
        arm = arm and _make_baseline(release, arm)
        made = release.clock.monotonic()
        for version in wanted:
            wait_ready(release, state.endpoint, version, made)
        capacity.begin(release, release.state())
        if arm:
            _wait_for_baseline(release, arm, made)
        if state.champion and not release.platform.traffic.weights(name):
            put_in_force(release, state, held, state.way_back)
            held.renew(restore=state.way_back)


def _codes(release: Release, state: ReleaseState) -> dict[str, tuple[str, ...]]:
    """The images that predictors of each arm run; what else they have in common is told.

    Raises:
        PlatformError: those of one version differ: what is counted of it would be of two programs.
    """
    codes: dict[str, set[str]] = {}
    limits: dict[str, set[str]] = {}
    for each in release.platform.serving.running(state.endpoint.name):
        if each.code:
            codes.setdefault(each.arm, set()).add(each.code)
        said = f"cpu {each.cpu or 'unlimited'}, memory {each.memory or 'unlimited'}"
        limits.setdefault(each.arm, set()).add(said)
    for arm, found in codes.items():
        if len(found) > 1:
            raise PlatformError(
                f"version {arm} runs {len(found)} images at once: its tag was pushed again: delete"
                " its pods one after the other, or name images by digest"
            )
    ours, theirs = (limits.get(arm or "") for arm in (state.candidate, state.champion))
    if ours and theirs and ours != theirs:
        said = f"version {state.candidate} may use {' or '.join(sorted(ours))}"
        production = f"production {' or '.join(sorted(theirs))}"
        release.record.note("other_conditions", f"{said}; {production}")
    return {arm: tuple(found) for arm, found in codes.items()}


def _make_baseline(release: Release, arm: str) -> str:
    """Make the baseline; empty: it is refused, and the release goes on, compared with production.

    Raises:
        SluiceError: the record does not take that.
    """
    state = release.state()
    champion = str(state.champion)
    try:
        stored = sized(release, state, champion)
        release.platform.serving.create(state.endpoint, stored, arm)
    except SluiceError as error:
        baseline.end(release, state, str(error))
        return ""
    return arm


def _wait_for_baseline(release: Release, arm: str, made: float) -> None:
    """Wait for the baseline; without it the release goes on, compared with production."""
    state = release.state()
    try:
        wait_ready(release, state.endpoint, arm, made)
    except PlatformError as error:
        baseline.end(release, state, str(error))


@dataclass(frozen=True)
class Snapshot:
    """The champion's counters at one time, summed over sources."""

    at: float
    """Seconds of the clock's monotonic time."""
    requests: float
    errors: float
    buckets: Mapping[str, float]


def take_snapshot(release: Release, state: ReleaseState) -> Snapshot | None:
    """Production's counters, asked for until they can be read or time is up."""

    def read() -> Snapshot | None:
        found = _snapshot(release, state)
        # A histogram without edges is that of a gateway which was not scraped.
        return found if found and (found.requests or found.buckets) else None

    try:
        return wait_for(read, SNAPSHOT_TIMEOUT_S, 0.5, lambda: "no counters", release.clock)
    except PlatformError:
        return None


def _snapshot(release: Release, state: ReleaseState) -> Snapshot | None:
    champion = str(state.champion)
    try:
        reading = release.platform.metrics.sample(state.endpoint.name, [champion], MIN_MAX_AGE_S)
    except Unreachable:
        return None
    found = [sample for sample in reading.versions.get(champion, {}).values() if sample]
    buckets: Counter[str] = Counter()
    for sample in found:
        buckets.update(sample.buckets)
    return Snapshot(
        at=release.clock.monotonic(),
        requests=sum(sample.requests for sample in found),
        errors=sum(sample.errors for sample in found),
        buckets=buckets,
    )


def forecast_of(
    policy: Policy, before: Snapshot, now: Snapshot, *, baseline: bool = False
) -> Forecast:
    """How soon each fault would be seen, and safety shown, at the traffic between two snapshots."""
    seconds = max(now.at - before.at, 1e-9)
    per_second = max(0.0, now.requests - before.requests) / seconds
    error_rate = now.errors / now.requests if now.requests else 0.0
    return judge.eta(policy, per_second, error_rate, now.buckets, baseline=baseline)


def _refuse_unfit(release: Release) -> None:
    """Check that what the gateway counts can be told apart.

    Raises:
        InputError: it cannot: the release has ended.
    """
    try:
        said = release.platform.metrics.unfit()
    except Unreachable:
        return  # the forecast says so
    if said:
        release.end("error", said)
        raise InputError(said)


def _forecast(release: Release, state: ReleaseState, before: Snapshot | None) -> None:
    _refuse_unfit(release)
    now = take_snapshot(release, state)
    if now is None:
        detail = "production's counters could not be read: no preflight of the p95, no forecast"
        release.record.note("not_foreseen", detail)
        return
    policy = state.endpoint.release.policy()
    checked = judge.preflight(policy, now.buckets)
    if now.requests and not checked.ok and policy.method == "sequential":
        release.end("error", checked.text)
        raise InputError(checked.text)
    if before is None:
        detail = "production's counters could be read only once: no rate of traffic, no forecast"
        release.record.note("not_foreseen", f"{detail}; {checked.text}")
        return
    plan = forecast_of(policy, before, now, baseline=bool(state.baseline))
    release.record.append(ForecastMade(**msgspec.structs.asdict(plan), preflight=checked.text))

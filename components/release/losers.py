"""Stopping the predictors that no release needs any more.

Who stops a predictor in the end may be away for hours (on a cluster: KServe). Nobody's traffic, and
nobody's lease, waits for that: what does not go in time is left to the reaper, which asks again.
"""

from collections.abc import Iterator
from contextlib import suppress

from components.errors import InputError, PlatformError, SluiceError, Unreachable
from components.platform import Platform, Weights
from components.record import Record, opened
from components.release.context import other_place

LOSERS_GO_S = 30.0
"""How long the end of a release waits for its predictors to go: they take some seconds."""


def left(platform: Platform, endpoint: str, keeps: Weights) -> list[str]:
    """The arms that have a predictor, which may be leaving, and no share of the split it keeps."""
    there = {*platform.serving.versions(endpoint)}
    with suppress(Unreachable):  # who is leaving is not known now
        there |= {each.arm for each in platform.serving.running(endpoint)}
    return sorted(arm for arm in there if not keeps.get(arm))


def stop(platform: Platform, endpoint: str, keeps: Weights, patience_s: float) -> None:
    """Drain and stop every predictor of the endpoint that has no share of the split it keeps.

    Args:
        platform: where.
        endpoint: its name.
        keeps: the split.
        patience_s: how long they are waited for, in all.

    Raises:
        PlatformError: one has not gone; the others were asked to go all the same.
        Unreachable: nobody can be asked.
    """
    end = platform.clock.monotonic() + patience_s
    faults: list[SluiceError] = []
    for arm in left(platform, endpoint, keeps):
        try:
            platform.serving.delete(endpoint, arm, max(0.0, end - platform.clock.monotonic()))
        except Unreachable:
            raise
        except SluiceError as error:
            faults.append(error)
    if faults:
        raise faults[0]
    if still := left(platform, endpoint, keeps):
        said = ", ".join(still)
        raise PlatformError(f"{endpoint} version {said} is leaving and has not gone yet")


def clean(platform: Platform, endpoint: str, keeps: Weights, patience_s: float) -> None:
    """The same, and leave the number of the other predictors to the endpoint's file again.

    Raises:
        PlatformError: see `stop`; or the autoscaler refuses.
    """
    try:
        stop(platform, endpoint, keeps, patience_s)
    finally:
        platform.scaling.let_go(endpoint)


def remaining(platform: Platform) -> Iterator[str]:
    """What ended releases have left that is still to be stopped, for people.

    Raises:
        Unreachable: a server does not answer.
    """
    for release_id in sorted(platform.records.pending()):
        # One that is not joined has not been reported yet, or is under way.
        if not platform.records.is_joined(release_id):
            continue
        with suppress(InputError):
            lines = Record(platform.records, release_id, platform.clock).lines()
            name = opened(lines).endpoint
            if other_place(platform, lines) is not None or platform.leases.read(name):
                continue
            for arm in left(platform, name, platform.traffic.weights(name)):
                yield (
                    f"{name} version {arm}: release {release_id} has ended, and it has not gone"
                    " yet: the reaper asks again, and its log says why"
                )

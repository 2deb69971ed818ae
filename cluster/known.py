"""Waiting until the proxies know who is to answer.

They hear of routes and of places in them in the order in which these were written, but not of both
together, and of no new place while they wait for word of pods: until then users get 500.
"""

import logging
from collections.abc import Callable, Mapping, Sequence

import httpx

from cluster import pins
from cluster.proxies import Proxies
from components.errors import PlatformError, SluiceError
from components.platform import Lease, wait_for

log = logging.getLogger("sluice.traffic")

LONGEST_S = 25.0
"""How long it is waited for at most. Of pods of which no word comes, since nothing of them has
changed, a proxy waits 15 s to hear (Envoy's `initial_fetch_timeout`); it may begin late."""
_EVERY_S = 0.1

_Lease = Callable[[str], Lease | None]
"""The lease of an endpoint."""


def longest(lease: _Lease, endpoint: str, seconds: float = LONGEST_S) -> float:
    """So many seconds, and half of the endpoint's lease at most."""
    held = lease(endpoint)
    return min(seconds, held.seconds / 2) if held else seconds


def wait_begun(proxies: Proxies, endpoint: str, host: str, lease: _Lease) -> None:
    """Wait until the proxies know the pods of a new route.

    That they do not is told: whether the route is in force at all is another question.
    """
    try:
        _wait(proxies, endpoint, f"/v2/models/{endpoint}/ready", host, lease)
    except SluiceError as error:
        log.warning("%s: users may get 500 for a while: %s", endpoint, error)


def wait_entered(
    proxies: Proxies,
    endpoint: str,
    arm: str,
    host: str,
    lease: _Lease,
    *,
    pin: Callable[[str], None],
) -> None:
    """Wait until the proxies know a place that was written, and that no version had before.

    Where it is, users alone are sent, so one that can be asked is written after it.

    Args:
        proxies: the Gateway's.
        endpoint: whose route has the place.
        arm: who has it.
        host: one that the route is for.
        lease: says the endpoint's; half of it is waited for at most.
        pin: writes the endpoint's pins, with a place that can be asked for the arm of that name
            (`pins.entered`); for none where it is empty.

    Raises:
        PlatformError: not in time, or there is no proxy.
    """
    pin(arm)
    try:
        _wait(proxies, endpoint, pins.entered(endpoint, arm), host, lease)
    finally:
        pin("")


def _wait(proxies: Proxies, endpoint: str, path: str, host: str, lease: _Lease) -> None:
    waits = longest(lease, endpoint)
    late = f"{endpoint}: a proxy knows no pods for {path} after {waits:g} s"
    wait_for(lambda: proxies.ask_pods(path, host), waits, _EVERY_S, lambda: late)


def wait_answering(
    proxies: Proxies, paths: Sequence[str], headers: Mapping[str, str], why: Callable[[str], str]
) -> None:
    """Wait until every proxy gets 200 for one of the paths, as long as it may not know of whom.

    Args:
        proxies: the Gateway's.
        paths: where a server of one kind or the other answers.
        headers: of each request.
        why: what is wrong otherwise, given what was answered.

    Raises:
        PlatformError: it gets something else, or a proxy does not answer.
    """
    answers: dict[str, set[int]] = {}

    def known() -> bool:
        nonlocal answers
        answers = {path: proxies.statuses(path, headers) for path in paths}
        return is_right() or all(
            httpx.codes.INTERNAL_SERVER_ERROR not in each for each in answers.values()
        )

    def is_right() -> bool:
        return {200} in answers.values()

    def wrong() -> str:
        return why("; ".join(f"{path}: {sorted(codes)}" for path, codes in answers.items()))

    wait_for(known, LONGEST_S, _EVERY_S, wrong)
    if not is_right():
        raise PlatformError(wrong())

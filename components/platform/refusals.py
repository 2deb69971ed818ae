"""What every platform refuses before it asks a server: what cannot be there."""

from collections.abc import Collection, Mapping

from components.endpoint import Endpoint
from components.errors import PlatformError
from components.platform.contract import StoredVersion
from components.platform.traffic import Mirror, RouteLimits
from components.quantity import bytes_of, in_words

HIGHEST_RATE = 2**31 - 1
MOST_AT_ONCE = 1_000_000
LONGEST_TIMEOUT_S = 24 * 3600.0
"""Beyond these Envoy refuses a route."""


def refuse_impossible_split(
    endpoint: str, weights: Mapping[str, int], served: Collection[str]
) -> None:
    """Check that the weights are a split among the arms that have predictors.

    Raises:
        PlatformError: they do not sum to 100, or an arm with a share is not served.
    """
    if sum(weights.values()) != 100 or min(weights.values()) < 0:
        raise PlatformError(f"weights {dict(weights)} do not sum to 100")
    unknown = sorted(arm for arm, share in weights.items() if share and arm not in served)
    if unknown:
        raise PlatformError(
            f"{endpoint} version {', '.join(unknown)} is not served: "
            "create its predictor before it gets traffic"
        )


def refuse_impossible_mirror(
    endpoint: str, mirror: Mirror | None, weights: Mapping[str, int], served: Collection[str]
) -> None:
    """Check that the mirror is one of the endpoint, whose split is ``weights``.

    Raises:
        PlatformError: there is no route, or the version is not served, or has a share.
    """
    if mirror is None:
        return
    name = f"{endpoint} version {mirror.version}"
    if not 1 <= mirror.percent <= 100:
        raise PlatformError(f"{mirror.percent}% of the requests: a mirror copies 1 to 100%")
    if not weights:
        raise PlatformError(f"{endpoint} has no route: there is nothing to copy to a version")
    if mirror.version not in served:
        raise PlatformError(f"{name} is not served: create its predictor before it is asked copies")
    if weights.get(mirror.version):
        raise PlatformError(f"{name} has a share of the traffic: copies would be asked twice")


def refuse_mirrored(endpoint: str, version: str, mirror: Mirror | None) -> None:
    """Check that the version may go.

    Raises:
        PlatformError: requests are copied to it.
    """
    if mirror and mirror.version == version:
        raise PlatformError(
            f"{endpoint} version {version} is still asked copies of {mirror.percent}% of the"
            " requests: end the mirror before deleting it"
        )


def larger_than_memory(endpoint: Endpoint, stored: StoredVersion) -> str:
    """Why a predictor that is held to its file's memory cannot load the version; empty: it may.

    The model is loaded from a copy of all of its files, which is never to be larger than that.
    """
    memory = endpoint.serving.resources.memory
    if stored.size <= bytes_of(memory):
        return ""
    return (
        f"{stored.model} version {stored.version} has {in_words(stored.size)} of files, and"
        f" endpoint {endpoint.name} grants a predictor {memory} of memory: raise"
        " serving.resources.memory, or save the model without what it does not need"
    )


def refuse_impossible_limits(endpoint: str, limits: RouteLimits) -> None:
    """Check what Envoy would refuse, and all other routes with it.

    Raises:
        PlatformError: names the limit.
    """
    if not 1 <= limits.requests_per_second <= HIGHEST_RATE:
        raise PlatformError(
            f"{endpoint}: {limits.requests_per_second} requests per second: a client can be"
            f" held to 1 to {HIGHEST_RATE}"
        )
    if not 1 <= limits.at_once <= MOST_AT_ONCE:
        raise PlatformError(
            f"{endpoint}: {limits.at_once} requests at once: a gateway can have 1 to {MOST_AT_ONCE}"
        )
    if not 0 < limits.timeout_s <= LONGEST_TIMEOUT_S:
        raise PlatformError(
            f"{endpoint}: an answer may take {limits.timeout_s:g} s: choose more than 0 s and at"
            " most a day"
        )

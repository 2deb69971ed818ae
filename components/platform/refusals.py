"""What every platform refuses before it asks its gateway: splits and limits that cannot be."""

from collections.abc import Collection, Mapping

from components.errors import PlatformError

HIGHEST_RATE = 2**31 - 1
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


def refuse_impossible_limits(endpoint: str, requests_per_second: int, timeout_s: float) -> None:
    """Check what Envoy would refuse, and all other routes with it.

    Raises:
        PlatformError: names the limit.
    """
    if not 1 <= requests_per_second <= HIGHEST_RATE:
        raise PlatformError(
            f"{endpoint}: {requests_per_second} requests per second: a client can be"
            f" held to 1 to {HIGHEST_RATE}"
        )
    if not 0 < timeout_s <= LONGEST_TIMEOUT_S:
        raise PlatformError(
            f"{endpoint}: an answer may take {timeout_s:g} s: choose more than 0 s and at"
            " most a day"
        )

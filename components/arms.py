"""Arms: what may have a share of an endpoint's traffic, and is counted by itself.

A version is an arm of its own name. During a release the champion may have a second one, the
baseline: another predictor of the same files that gets the candidate's share, so that the two that
are compared are asked equally often and are equally warm. Platforms keep predictors, splits and
counters by arm; what users are told of is the version.
"""

_BASELINE = "-baseline"


def baseline_of(version: str) -> str:
    """The arm that is ``version``'s baseline."""
    return version + _BASELINE


def version_of(arm: str) -> str:
    """The version that an arm serves."""
    return arm.removesuffix(_BASELINE)

"""Arms: what may have a share of an endpoint's traffic, and is counted by itself.

A version is an arm of its own name. During a release the champion may have a second one, the
baseline: another predictor of the same files that gets the candidate's share, so that the two that
are compared are asked equally often and are equally warm. And the candidate may have one, its
shadow: it has no predictor of its own and no share, but copies of production's requests, whose
answers nobody gets. Platforms keep predictors, splits and counters by arm; what users are told of
is the version.
"""

_BASELINE, _SHADOW = "-baseline", "-shadow"


def baseline_of(version: str) -> str:
    """The arm that is ``version``'s baseline."""
    return version + _BASELINE


def shadow_of(version: str) -> str:
    """The arm by which the copies are counted that ``version`` is asked."""
    return version + _SHADOW


def predictor_of(arm: str) -> str:
    """The arm whose predictor answers."""
    return arm.removesuffix(_SHADOW)


def version_of(arm: str) -> str:
    """The version that an arm serves."""
    return predictor_of(arm).removesuffix(_BASELINE)


def in_words(arm: str) -> str:
    """For people: ``version 2``, or ``baseline of version 1``."""
    version = version_of(arm)
    return f"version {arm}" if version == arm else f"baseline of version {version}"

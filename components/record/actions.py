"""What a release did: the lines of kind `action`, told apart by their member ``action``."""

from typing import Literal

import msgspec

from components.platform.decisions import Says
from components.record.shadow import MirrorSet


class Fetched(msgspec.Struct, frozen=True, tag_field="action", tag="fetch", omit_defaults=True):
    """The files of the candidate, and of the champion, were downloaded and verified."""

    version: str
    files: dict[str, dict[str, str]] = {}
    """Digest and address of each version's verified files (`platform.StoredVersion`)."""


class Deployed(msgspec.Struct, frozen=True, tag_field="action", tag="deploy", omit_defaults=True):
    """These versions, and the baseline if there is one, have a predictor that is ready."""

    versions: tuple[str, ...]
    codes: dict[str, tuple[str, ...]] = {}
    """The images that predictors of each run, by digest; of whom nobody can tell, nothing."""


class BaselineSet(msgspec.Struct, frozen=True, tag_field="action", tag="baseline"):
    """From here on the candidate has, or has not, a baseline beside it (`components.arms`)."""

    arm: str
    """The baseline's name in splits and polls; empty: production itself is compared with."""
    reason: str


class WeightsSet(msgspec.Struct, frozen=True, tag_field="action", tag="set_weights"):
    """The split is in force at every proxy."""

    weights: dict[str, int]
    """Percent by version, or other arm."""
    applied_s: float
    """Seconds until it was in force."""


class Covered(msgspec.Struct, frozen=True, tag_field="action", tag="cover"):
    """From here on this version, which has no ready predictor, is waited for.

    The other one has its share meanwhile; a candidate that has none yet answers for nobody, and is
    asked no copies.
    """

    arm: str
    """Who is waited for; empty: nobody, and each has its own again."""
    reason: str


class AliasSet(msgspec.Struct, frozen=True, tag_field="action", tag="set_alias"):
    """An alias of the model was moved."""

    alias: str
    version: str


class Count(msgspec.Struct, frozen=True):
    """How many predictors an arm has (`components.platform.Replicas`)."""

    ready: int
    wanted: int
    floor: int


class Scaled(msgspec.Struct, frozen=True, tag_field="action", tag="scale"):
    """From here on there are so many predictors of each arm, whoever has changed that."""

    t: float
    """Seconds since the release began, by its own clock, as polls have them."""
    replicas: dict[str, Count]
    """By arm; where no line says it, there is one."""


Cause = Literal["approval", "pause", "window", "alert", "unread", "room"]
"""Why no step is taken: nobody has approved it; a person has paused the release; it is outside of
the hours that the endpoint's file names; an alert fires; nobody knows one of these now; predictors
that the candidate's next share needs are not ready."""


class Wait(msgspec.Struct, frozen=True):
    """One thing that a release waits for."""

    cause: Cause
    said: str
    """What it is and how it ends, for people."""


class Held(msgspec.Struct, frozen=True, tag_field="action", tag="hold"):
    """The step is not taken now: the candidate keeps its share, and is judged on."""

    step: int
    """The percentage that the candidate does not get yet."""
    t: float
    """Seconds since the release began, by its own clock, as polls have them."""
    waits: tuple[Wait, ...]
    """For all of these; for none: the step is taken now."""


class Decided(msgspec.Struct, frozen=True, tag_field="action", tag="decide", omit_defaults=True):
    """A person has decided something of the release (`components.platform.decisions`)."""

    number: int
    says: Says
    by: str
    """Who, as the platform knows it."""
    decided_at: float
    """Seconds since the epoch, by the platform's clock."""
    reason: str = ""


Acted = (
    Fetched
    | Deployed
    | Scaled
    | BaselineSet
    | MirrorSet
    | WeightsSet
    | Covered
    | AliasSet
    | Held
    | Decided
)

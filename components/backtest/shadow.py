"""A release's shadow, held against its endpoint's file, and judged again."""

from collections.abc import Iterator
from typing import Any

from components.arms import shadow_of
from components.endpoint import Endpoint
from components.judge import RULES, Policy, Poll, Verdict
from components.record import MirrorSet, Opened, Shadowed
from components.release.mirroring import share

_SINCE = 4
"""The first rule of the judge by which copies were judged."""
_MOST_RATIO = 10
"""The largest p95 ratio that a policy may have."""


class Shadow:
    """Where it stands after the lines taken so far.

    Args:
        head: the record's first line.
        endpoint: its settings.
        watched: whether the candidate is watched beside a champion.
    """

    def __init__(self, head: Opened, endpoint: Endpoint, *, watched: bool) -> None:
        self._candidate, self._champion = head.candidate, str(head.champion)
        self._asked = endpoint.release.shadow if watched else None
        self._p95_ratio = endpoint.release.judge.p95_ratio
        self.mirrored = False
        """Copies go to the candidate."""
        self._newest: Verdict | None = None

    @property
    def due(self) -> bool:
        """The candidate is to get no share yet."""
        return self._asked is not None and not self._passed

    @property
    def _passed(self) -> bool:
        return self._newest is not None and self._newest.decision == "PROMOTE"

    def take(self, body: MirrorSet | Shadowed, *, deployed: bool) -> Iterator[str]:
        """Add a line; what of it does not follow from those before, in words."""
        if isinstance(body, Shadowed):
            yield from self._polled(body)
        else:
            yield from self._set(body, deployed=deployed)

    def _set(self, body: MirrorSet, *, deployed: bool) -> Iterator[str]:
        if self._asked is None or body.version != self._candidate:
            yield f"copies for version {body.version}, and none are asked for"
        elif body.percent != self._asked.percent:
            yield f"copies of {body.percent} % of the requests, not of {self._asked.percent} %"
        if not deployed:
            yield "copies for a candidate that was not deployed"
        if self._newest is not None and self._newest.final:
            yield f"copies after the shadow was decided: {self._newest.decision}"
        if body.p95_ratio is not None and not self._p95_ratio < body.p95_ratio <= _MOST_RATIO:
            yield f"the p95s are compared by a ratio of {body.p95_ratio}"
        if body.applied_s < 0:
            yield f"the mirror was in force after {body.applied_s} s"
        self.mirrored = True

    def weights_set(self) -> None:
        """A split was put in force, which ends every mirror."""
        self.mirrored = False

    def _polled(self, body: Shadowed) -> Iterator[str]:
        """Its verdict is for `Judged`."""
        arm = shadow_of(self._candidate)
        if set(body.poll.sources) != {self._champion, arm}:
            yield f"copies were polled with counters of {', '.join(sorted(body.poll.sources))}"
        if self._asked is None:
            yield "a poll of copies, and none are asked for"
            return
        if self._newest is not None and self._newest.final:
            yield "a poll of copies after the shadow was decided"
        copied = body.poll.weights.get(arm, 0.0)
        if copied and not self.mirrored:
            yield "a poll of copies, and no mirror was in force"
        if copied not in {0.0, share(self._asked.percent)}:
            yield f"copies are {copied:g} % of what was asked, of {self._asked.percent} % of it"
        self._newest = body.verdict


class Judged:
    """The judge's states after the polls of a shadow, by rule."""

    def __init__(self, head: Opened) -> None:
        self._settings = head.endpoint_settings().release if head.settings else None
        self._pair = str(head.champion), shadow_of(head.candidate)
        self._polls: list[Poll] = []
        self._states: dict[int, Any] = {}
        self.mirrored(None)

    def mirrored(self, p95_ratio: float | None) -> None:
        """From here on by that ratio; None: the file's."""
        self._policy: Policy | None = None
        if self._settings is not None and self._settings.shadow is not None:
            self._policy = self._settings.shadow_policy(p95_ratio)
        known = {rule: judged for rule, judged in RULES.items() if rule >= _SINCE}
        self._states = {rule: judged.start(*self._pair) for rule, judged in known.items()}
        for poll in self._polls:
            self._observe(poll)

    def again(self, line: Shadowed) -> dict[int, Verdict]:
        """What each rule says to one line more; nothing where no shadow is asked for."""
        self._polls.append(line.poll)
        return self._observe(line.poll)

    def _observe(self, poll: Poll) -> dict[int, Verdict]:
        found: dict[int, Verdict] = {}
        if self._policy is not None:
            for rule, state in self._states.items():
                self._states[rule], found[rule] = RULES[rule].observe(self._policy, state, poll)
        return found

"""What is known of the champion before the next poll, for many releases at once."""

import numpy as np

from components.judge import constants
from components.simulation.traffic import Arm, Floats, Ints


def _history_scale(history: Arm) -> Floats:
    """The weight of each release's history, which counts as `HISTORY_REQUESTS` at most."""
    requests = (history.requests + history.refused)[:, 0].astype(np.float64)
    return np.asarray(np.minimum(constants.HISTORY_REQUESTS / np.maximum(requests, 1), 1.0))


class Past:
    """The champion's errors, or refused requests, that predict its next: before and since."""

    def __init__(self, history: Arm, *, refused: bool = False) -> None:
        scale = _history_scale(history)
        asked = history.requests + (history.refused if refused else 0)
        self._requests = asked[:, 0] * scale
        self._errors = (history.refused if refused else history.errors)[:, 0] * scale

    def add(self, requests: Floats, errors: Floats) -> None:
        """One more poll."""
        self._requests += requests
        self._errors += errors

    def error_rate(self, limit: float) -> Floats:
        """What the champion's error rate is expected to be in the next poll."""
        prior_requests = constants.PRIOR_ERRORS / (constants.PRIOR_RATE * limit)
        return (self._errors + constants.PRIOR_ERRORS) / (self._requests + prior_requests)


class Recent:
    """The champion's latencies that predict its next: `components.judge.latency.remember`.

    Of the histogram's edges only those at the indices `edges` are kept, which rise; an edge's
    number is its place among them.
    """

    def __init__(self, history: Arm, edges: Ints) -> None:
        scale = _history_scale(history)
        self._edges = edges
        self.answers = history.requests[:, 0] * scale
        self.below = (history.requests - history.slower[:, 0, edges]) * scale[:, None]
        """Answers at most as slow as each edge."""

    def fade(self) -> None:
        """`components.judge.latency.faded`: what is known is of another arm."""
        kept = np.minimum(constants.MIN_TAIL_PAST / np.maximum(self.answers, 1), 1.0)
        self.answers, self.below = kept * self.answers, kept[:, None] * self.below

    def add(self, answers: Floats, slower: Floats) -> None:
        """One more poll; without answers nothing fades."""
        room = (constants.RECENT_LATENCIES - answers) / np.maximum(self.answers, 1)
        kept = np.clip(room, 1 - 1 / constants.RECENT_POLLS, 1.0)
        kept[answers == 0] = 1.0
        self.answers = kept * self.answers + answers
        self.below = kept[:, None] * self.below + (answers[:, None] - slower[:, self._edges])

    def _at(self) -> Ints:
        """The number of the first edge that has the p95 below it."""
        return np.asarray((self.below < (1 - constants.TAIL) * self.answers[:, None]).sum(axis=1))

    def spans(self, edges_ms: Floats, edge: Ints) -> Floats:
        """How far the p95 may lie from an edge, as a ratio; see `components.judge.latency`.

        1 where about 5 % are beyond it; else what lies between the edges on both sides of the p95.
        """
        total = np.maximum(self.answers, 1)
        near = self._off(edge) * self.answers / total <= constants.NEAR_TAIL * constants.TAIL
        at = self._at()
        upper = np.append(edges_ms, np.inf)[at]
        lower = edges_ms[np.maximum(at - 1, 0)]
        return np.where(near, 1.0, np.where(at > 0, upper / lower, np.inf))

    def p95_edge(self) -> Ints:
        """The number of the edge whose exceedance is nearest 5 %, for the next poll."""
        at = np.minimum(self._at(), self.below.shape[1] - 1)
        before = np.maximum(at - 1, 0)
        return np.asarray(np.where(self._off(at) < self._off(before), at, before))

    def _off(self, edge: Ints) -> Floats:
        below = np.take_along_axis(self.below, edge[:, None], 1)[:, 0]
        return np.abs(1 - below / np.maximum(self.answers, 1) - constants.TAIL)

    def tail(self, edge: Ints) -> Floats:
        """The expected share of the champion's answers beyond an edge."""
        below = np.take_along_axis(self.below, edge[:, None], 1)[:, 0]
        hits = self.answers - below + constants.PRIOR_ERRORS
        return hits / (self.answers + constants.PRIOR_ERRORS / constants.TAIL)

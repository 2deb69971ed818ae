"""A clock that stands still until somebody sleeps."""

import heapq
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

Call = Callable[[], None]

START = 1_795_000_000.0
"""The wall clock's beginning: 18 November 2026."""


class ManualClock:
    """A `components.platform.Clock` whose time passes only in `sleep`.

    Whatever is due while somebody sleeps is run in between, in the order of its times, and sees the
    clock at its own time: beats of `beating`, and calls that a test has put down by `at` and
    `after`. What such a call raises comes out of the sleep: so a test ends a step in the middle.
    A call that sleeps itself moves the clock for everybody, for there is one thread only.
    """

    def __init__(self, wall: float = START) -> None:
        self.beat_errors: list[Exception] = []
        """What ended a beat; a thread's error reaches nobody either."""
        self._now = 0.0
        self._ahead = wall
        self._due: list[tuple[float, int, Call]] = []
        self._order = count()

    def time(self) -> float:
        """Seconds since the epoch."""
        return self._now + self._ahead

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self._now

    def set_wall(self, to: float) -> None:
        """Set the wall clock to ``to`` (seconds since the epoch); the monotonic one goes on."""
        self._ahead = to - self._now

    def sleep(self, seconds: float) -> None:
        """Let time pass, and run what is due in between."""
        until = self._now + max(0.0, seconds)
        while self._due and self._due[0][0] <= until:
            at, _, call = heapq.heappop(self._due)
            self._now = max(self._now, at)
            call()
        self._now = max(self._now, until)

    def at(self, t: float, call: Call) -> Call:
        """Run ``call`` when the monotonic clock shows ``t``; the returned function takes it back.

        A time that is past is now: the next sleep runs it first.
        """
        entry = (max(t, self._now), next(self._order), call)
        heapq.heappush(self._due, entry)

        def take_back() -> None:
            if entry in self._due:
                self._due.remove(entry)
                heapq.heapify(self._due)

        return take_back

    def after(self, seconds: float, call: Call) -> Call:
        """Run ``call`` after so many seconds; the returned function takes it back."""
        return self.at(self._now + seconds, call)

    @contextmanager
    def beating(self, every: float, beat: Call) -> Iterator[None]:
        """Call ``beat`` each ``every`` seconds that pass in the block; an error ends the beat.

        As on a thread of its own, a beat begins ``every`` seconds after the last one has ended.
        """
        take_back: Call

        def run() -> None:
            nonlocal take_back
            try:
                beat()
            except Exception as error:  # noqa: BLE001 a thread's error does not reach the sleeper
                self.beat_errors.append(error)
                return
            if beating:
                take_back = self.after(every, run)

        beating = True
        take_back = self.after(every, run)
        try:
            yield
        finally:
            beating = False
            take_back()

"""Faults on demand: any call of any interface of a platform may fail, before or after its work."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, ParamSpec, TypeVar, cast

from components.errors import Unreachable
from components.platform.clock import Clock

_Interface = TypeVar("_Interface")
_Arguments = ParamSpec("_Arguments")
_Returned = TypeVar("_Returned")


class Killed(BaseException):
    """The process that called was killed here: no `except Exception` of it runs."""


@dataclass
class _Fault:
    what: str
    error: Callable[[str], BaseException]
    said: str
    after: bool
    skip: int
    left: int | None
    until: float | None
    holds: Callable[[], bool]

    def strikes(self, call: str, now: float) -> bool:
        """Whether this call fails; counts it."""
        if not _named(call, self.what) or self.left == 0:
            return False
        if not self.holds() or (self.until is not None and now >= self.until):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.left = None if self.left is None else self.left - 1
        return True


def _named(call: str, what: str) -> bool:
    return fnmatchcase(call, what) or call.startswith(f"{what}.")


class Faults:
    """The one table of faults that every interface of a memory platform asks at each call."""

    def __init__(self, clock: Clock) -> None:
        self.calls: list[str] = []
        """Every call so far, such as ``traffic.set_weights``."""
        self._clock = clock
        self._faults: list[_Fault] = []
        self._known: set[str] = set()
        self._before: dict[int, Callable[[], object]] = {}
        self._lock = threading.Lock()

    def fail(
        self,
        what: str,
        *,
        times: int | None = None,
        for_s: float | None = None,
        after: bool = False,
        skip: int = 0,
        holds: Callable[[], bool] = lambda: True,
        error: Callable[[str], BaseException] = Unreachable,
        said: str = "",
    ) -> None:
        """Make calls fail, from now on.

        Args:
            what: a call (``records.append``), an interface (``registry``), or a pattern with ``*``.
            times: so many calls only.
            for_s: for so many seconds of the monotonic clock only.
            after: the work is done, and only its answer is lost.
            skip: so many calls go well first.
            holds: asked at each call; it goes well while the answer is False.
            error: makes what is raised from a text: `Unreachable`, `PlatformError`, `Killed`...
            said: the text; default: one that names the call.

        Raises:
            ValueError: no interface has such a call.
        """
        if not any(_named(call, what) for call in self._known):
            raise ValueError(f"no call is named {what!r}: choose of {sorted(self._known)}")
        until = None if for_s is None else self._clock.monotonic() + for_s
        with self._lock:
            self._faults.append(_Fault(what, error, said, after, skip, times, until, holds))

    def before(self, number: int, do: Callable[[], object]) -> None:
        """Let others ``do`` something just before the call of that number (`calls`) does its work.

        What ``do`` calls is not counted unless it calls the platform.
        """
        self._before[number] = do

    def clear(self) -> None:
        """Let every call go well again."""
        with self._lock:
            self._faults.clear()

    def guard(self, name: str, interface: _Interface) -> _Interface:
        """``interface`` with this table asked at each call."""
        calls = {each for each in dir(interface) if not each.startswith("_")}
        self._known |= {f"{name}.{each}" for each in calls}
        return cast(_Interface, _Guarded(self, name, interface))

    def run(
        self,
        call: str,
        work: Callable[_Arguments, _Returned],
        *args: _Arguments.args,
        **kwargs: _Arguments.kwargs,
    ) -> _Returned:
        """Do ``work``, unless the table says otherwise."""
        with self._lock:
            others = self._before.pop(len(self.calls), None)
            self.calls.append(call)
            now = self._clock.monotonic()
            fault = next((each for each in self._faults if each.strikes(call, now)), None)
        if others:
            others()
        if fault is None:
            return work(*args, **kwargs)
        if fault.after:
            work(*args, **kwargs)
        lost = "its answer was lost" if fault.after else "no answer"
        raise fault.error(fault.said or f"{call}: {lost}")


class _Guarded:
    """An interface behind the table of faults."""

    def __init__(self, faults: Faults, name: str, interface: object) -> None:
        self._faults, self._name, self._interface = faults, name, interface

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self._interface, attribute)
        if not callable(found):
            return found
        return partial(self._faults.run, f"{self._name}.{attribute}", found)

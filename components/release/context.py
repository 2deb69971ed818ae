"""What every step works with: the platform, the record, the clock, and on whose behalf it acts."""

import functools
import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from components import failure
from components.endpoint import Endpoint
from components.errors import InputError, LeaseHeld, PlatformError, SluiceError
from components.evaluation.result import EvaluationResult
from components.platform import Clock, Lease, ModelRegistry, Platform, SystemClock, connect
from components.platform.patience import PATIENCE_S, Patience
from components.record import Ended, Line, Noted, Outcome, Record, of, refuse_newer
from components.record import opened as head_of
from components.release import anchor, results
from components.release.lease import HeldLease, acquire, this_process
from components.release.limits import limits_of
from components.release.patience import patient
from components.release.state import ReleaseState, fold

log = logging.getLogger("sluice.release")

ENGINE = "SLUICE_ENGINE"
"""Environment variable by which the steps of one run of a pipeline know that they belong together.
A platform whose engine does not set it cannot tell an overtaken run from its successor."""

_LAST = 19
"""The niceness of what waits for everybody else."""

_P = ParamSpec("_P")
_R = TypeVar("_R")


class Score(Protocol):
    """Scores candidate and champion on the same held-out rows (`components.evaluation`)."""

    def __call__(
        self,
        endpoint: Endpoint,
        candidate: Path,
        champion: Path | None,
        read: Callable[[str, int], bytes],
    ) -> EvaluationResult:
        """The scores of both bundles' folders; ``read`` gives the data set's bytes."""


def _score(
    endpoint: Endpoint, candidate: Path, champion: Path | None, read: Callable[[str, int], bytes]
) -> EvaluationResult:
    from components.evaluation import evaluate

    # It may take all of a machine that serves users: they come first. On Linux a thread has a
    # niceness of its own, which those that it starts have from it: the rest of the step, which is
    # to go on before the lease is silent, keeps that of everybody.
    with ThreadPoolExecutor(1, initializer=os.nice, initargs=(_LAST,)) as last:
        return last.submit(evaluate, endpoint, candidate, champion, read).result()


class StepFault(SluiceError):
    """A step raised what is no error of ours: a fault of Sluice, or of a library."""

    @classmethod
    def of(cls, error: Exception) -> "StepFault":
        """Its class and text in one line of bounded length."""
        said = " ".join(str(error).split())[:500]
        return cls(f"{type(error).__name__}: {said}" if said else type(error).__name__)


@dataclass(frozen=True)
class Release:
    """One release as one step, or an operator, or the reaper sees it."""

    platform: Platform
    record: Record
    holder: str
    """On whose behalf the lease is taken: the engine's run, else this process."""
    engine: bool
    """The holder is an engine's run, whose steps know each other by it."""
    scratch: Path
    """An empty folder of this process; nothing in it is expected by another."""
    patience: Patience
    """With servers that are away."""
    score: Score = _score

    @property
    def clock(self) -> Clock:
        """The platform's clock."""
        return self.platform.clock

    @property
    def registry(self) -> ModelRegistry:
        """The platform's registry, waited for; what need not be now asks the platform's own."""
        return patient(self.platform.registry, self.patience)

    def state(self) -> ReleaseState:
        """Where the release stands.

        Raises:
            InputError: no release has this id, or a newer Sluice wrote its record.
        """
        lines = self.record.lines()
        if not lines:
            raise InputError(f"no release {self.record.release_id!r}: see 'sluice releases'")
        if (whose := other_place(self.platform, lines)) is not None:
            raise InputError(
                f"release {self.record.release_id} is team {whose}'s: ask there"
                f" (SLUICE_NAMESPACE={whose}), or begin another one"
            )
        refuse_newer(lines, "resume")
        return fold(lines)

    def awaited_state(self) -> ReleaseState:
        """The same, waited for while the record's store is away."""
        return self.patience.wait_for(self.state)

    def hold(self, state: ReleaseState, *, to_end: bool = False) -> HeldLease:
        """Take the lease for a release that is still under way.

        Args:
            state: of the release.
            to_end: nothing but the end is to come.

        Raises:
            LeaseHeld: another release has it, or this one was ended meanwhile.
            PlatformError: production has its traffic back already: the release can only end.
        """
        name = state.endpoint.name
        stood = self.platform.leases.read(name)
        asked = self.platform.traffic.weights(name)
        # Where none stands the release may have ended, so the way back is what is in force.
        held = self.take_lease(state.endpoint, stood.restore if stood else asked)
        # Nobody ends a release without its lease, so from here on the record cannot say otherwise.
        ended = self.state()
        if ended.outcome:
            if stood is None:
                held.release()  # else its cleaning up is still to come
            raise LeaseHeld(
                f"release {state.release_id} has ended: {ended.outcome}: {ended.reason};"
                " start a new one"
            )
        if stood is None:
            held.renew(restore=state.way_back if asked else {})
        if held.lease.returned and not to_end:
            raise PlatformError(
                f"production has its traffic back: {held.lease.returned}: release"
                f" {state.release_id} can only end: start a new one"
            )
        return held

    def take_lease(self, endpoint: Endpoint, restore: Mapping[str, int]) -> HeldLease:
        """Take the endpoint's lease; ``restore`` is the way back, if no lease says one."""
        wanted = Lease(
            endpoint.name,
            self.record.release_id,
            self.holder,
            endpoint.release.lease,
            restore,
            limits=limits_of(endpoint),
        )
        return acquire(self.platform.leases, self.clock, wanted)

    def end(self, outcome: Outcome, reason: str, *before: Noted) -> results.Ended:
        """Write the release's end, together with what led to it."""
        self.record.append(*before, Ended(outcome, reason))
        return results.Ended(outcome=outcome, reason=reason)

    def copy_record(self, state: ReleaseState) -> bool:
        """Copy the record to the release's run in MLflow; if that fails the reaper does it later.

        Returns:
            True if MLflow has it.
        """
        try:
            content = self.record.content()
            anchor.copy(self.platform.registry, state.release_id, state.run_id, content)
        except SluiceError as error:
            self.record.note("mirror_failed", str(error))
            return False
        return True


def other_place(platform: Platform, lines: Sequence[Line]) -> str | None:
    """Whose release a record is of, if not the platform's own; None if it is.

    Records of an earlier Sluice do not say whose they are.
    """
    whose = head_of(lines).place
    return whose if whose and whose != platform.place else None


@contextmanager
def opened(
    release_id: str, platform: Platform | None = None, patience_s: float = PATIENCE_S
) -> Iterator[Release]:
    """The release as this process sees it: the platform in use, and a scratch folder.

    Args:
        release_id: the release.
        platform: default: the one in use.
        patience_s: how long servers that are away are waited for, in all.

    Raises:
        InputError: the id could not name a release.
    """
    engine = os.environ.get(ENGINE, "")
    with failure.left():
        refuse_bad_id(release_id)
        patience = Patience(platform.clock if platform else SystemClock(), patience_s)
        used = platform or patience.wait_for(connect)
        with tempfile.TemporaryDirectory(prefix="sluice-step-") as scratch:
            yield Release(
                platform=used,
                record=Record(used.records, release_id, used.clock),
                holder=engine or this_process(),
                engine=bool(engine),
                scratch=Path(scratch),
                patience=patience,
            )


def refuse_bad_id(release_id: str) -> None:
    """Check what names a release before it names anything else.

    Raises:
        InputError: it is not an id that a release can have.
    """
    allowed = release_id.replace("-", "").replace("_", "").replace(".", "")
    if not allowed.isalnum() or release_id.startswith((".", "-")) or len(release_id) > 120:
        raise InputError(f"{release_id!r} is not a release's id: see 'sluice releases'")


def patiently(
    step: Callable[Concatenate[Release, _P], _R],
) -> Callable[Concatenate[Release, _P], _R]:
    """Begin a step anew while a server is away; what it has done by then it finds done."""

    @functools.wraps(step)
    def waiting(release: Release, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        return release.patience.wait_for(lambda: step(release, *args, **kwargs))

    return waiting


def as_step(
    step: Callable[Concatenate[Release, _P], _R],
) -> Callable[Concatenate[Release, _P], _R]:
    """The same, and note in the record why the step failed in the end.

    The engine that knows it may not live to say it. What only ends a release is no such step: its
    failure would stand where the reason of the end is read.
    """
    patient_step = patiently(step)

    @functools.wraps(step)
    def noting(release: Release, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return patient_step(release, *args, **kwargs)
        except LeaseHeld:
            raise  # the release is another process's now: so is its record
        except SluiceError as error:
            _note_failure(release, f"{step.__name__}: {error}")
            raise
        except Exception as error:
            log.exception("%s failed", step.__name__)
            fault = StepFault.of(error)
            _note_failure(release, f"{step.__name__}: {fault}")
            raise fault from error

    return noting


def _note_failure(release: Release, detail: str) -> None:
    try:
        lines = release.record.lines()
        if lines and not of(lines, Ended):
            release.record.note("step_failed", detail)
    except SluiceError:
        return  # the store is what failed: the step's own error says so


@contextmanager
def ends_release_on_input_error(release: Release) -> Iterator[None]:
    """End the release with what was wrong, where trying again would not help."""
    try:
        yield
    except InputError as error:
        release.end("error", str(error))
        raise

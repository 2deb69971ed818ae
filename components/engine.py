"""What `sluice release` asks of an engine, whichever runs the pipeline.

How a release went stands in its record, which every engine's steps write; an engine is asked for
what the record cannot say: whether the run goes on, and why a run ended before its record began.
"""

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Run:
    """One run of a pipeline on an engine. A resumed release has several."""

    release_id: str
    name: str
    """How the engine finds it again."""
    log: str
    """Where people read what the engine and the steps wrote: a path or a URL."""


@dataclass(frozen=True)
class Result:
    """How a run ended, as far as its engine knows."""

    code: int
    """0 if every task ran, the record decides about the release; else not 0."""
    error: str = ""
    """The class of the error that ended it, as `components.errors` names it; or the engine's."""
    message: str = ""
    """What went wrong, in one line with the fix; empty if nothing did."""
    ended_at: float = field(default=0.0, compare=False)
    """Seconds since the epoch; when it began, if nobody knows more."""


class Engine(Protocol):
    """Runs the release's pipeline; the steps learn by ``SLUICE_ENGINE`` on whose behalf they act.

    A `Run` may be asked about by a process that did not submit it.
    """

    asks: bool
    """Whoever follows a run and breaks off is asked whether the run shall end with that."""

    def release_id(self, endpoint: str, version: str) -> str:
        """The id of a new release by hand; ``version`` is empty if the alias decides.

        Raises:
            SluiceError: a release cannot begin there now.
        """

    def submit(self, endpoint: str, version: str, release_id: str) -> Run:
        """Start the release's pipeline, or go on with it; does not wait for anything.

        Args:
            endpoint: the endpoint's name; empty to resume.
            version: the version to release; empty for the one with alias ``candidate``.
            release_id: identifies the release in every step and in its record.

        Raises:
            InputError: the endpoint's file asks for what the engine cannot do.
            LeaseHeld: a run of this release goes on, which none can take over.
        """

    def newest(self, release_id: str) -> Run | None:
        """The run of the release that was submitted last, as far as the engine remembers."""

    def running(self) -> list[Run]:
        """The runs that go on, as far as the engine knows."""

    def alive(self, run: Run) -> bool:
        """True until the run has ended, however it ended."""

    def stop(self, run: Run) -> None:
        """Ask the run to end: the release is finalized from its record. Harmless when it is over.

        Returns at once; the run lives until it has finalized the release.
        """

    def result(self, run: Run) -> Result:
        """How a run that is no longer alive ended. One that was killed has a result too."""

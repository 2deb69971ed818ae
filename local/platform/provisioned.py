"""When this machine's predictors were there (`Serving.spans`)."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from components.disk import locked, read_json
from components.errors import Unreachable
from components.platform import Span
from components.platform.spans import ObjectSpans
from local import predictors
from local.home import Home
from local.predictors import program_name
from local.servers import seaweed

log = logging.getLogger("sluice.predictors")


@dataclass(frozen=True)
class Provisioned:
    """The log of the spans, and who is there.

    What it is to write when a predictor begins or ends is never a reason for that to fail: `note`,
    which the reaper calls each minute, finds out later.
    """

    home: Home
    spans: ObjectSpans

    def began(self, endpoint: str, version: str, price: str, at: float) -> None:
        """A predictor is there since ``at``, or still."""
        with _later(), self._alone():
            self.spans.begin((endpoint, version), price, at)

    def ended(self, endpoint: str, version: str) -> None:
        """A predictor was stopped now."""
        with _later():
            self.spans.end((endpoint, version), time.time())

    def note(self) -> None:
        """Write down which predictors are there, as their files tell."""
        with self._alone():
            present = []
            for backend, _ in predictors.known(self.home):
                name = program_name(backend.endpoint, backend.version)
                said = read_json(self.home.serving / f"{name}.json") or {}
                present.append(((backend.endpoint, backend.version), str(said.get("price", ""))))
            self.spans.note(present, time.time())

    def read(self, endpoint: str = "") -> list[Span]:
        """Every span, of one endpoint if it is given."""
        present = [(each.endpoint, each.version) for each, _ in predictors.known(self.home)]
        return self.spans.read(present, endpoint)

    def comes_up(self) -> None:
        """The platform is about to be started: what was there before is not any more.

        It is written in a file, for the store is not there yet, and whoever writes first reads it.
        """
        self._anew.touch(mode=0o600)

    def is_up(self) -> None:
        """Every predictor is there now."""
        with _later():
            self.note()

    @property
    def _anew(self) -> Path:
        return self.home.path / "provisioned.anew"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else begins a span meanwhile, and none goes on from before the platform came up.

        Who is there is read within: a predictor has its file before its span begins.
        """
        with locked(self.home.path / "provisioned.lock"):
            if self._anew.exists():
                self.spans.interrupted()
                self._anew.unlink()
            yield

    def goes_down(self) -> None:
        """Every predictor ends now; each begins anew when the platform comes up."""
        with _later():
            now = time.time()
            for backend, _ in predictors.known(self.home):
                self.spans.end((backend.endpoint, backend.version), now)


def of(home: Home, s3_port: int) -> Provisioned:
    """The log in the platform's object store."""
    return Provisioned(home, ObjectSpans(seaweed.store(home, s3_port, seaweed.BUCKET)))


@contextmanager
def _later() -> Iterator[None]:
    try:
        yield
    # No bucket: the platform was never wholly up.
    except (Unreachable, FileNotFoundError) as error:
        log.warning("when predictors were there is written down later: %s", error)

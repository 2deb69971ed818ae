"""Releases for what the registry wants and no record has (`components.release.wanted`).

A webhook is a hint, which may be lost; this looks. It may run beside others that look or are told:
a candidate's next release has one id, whoever asks, and a run of that id is not submitted twice.
"""

from components.engine import Engine, Run
from components.errors import SluiceError
from components.platform import Platform
from components.record import Ended, Record, of
from components.release.wanted import Standing, Wanted, standing, wanted

RETRY_S = 300.0
"""How long after a run that ended before its record began the next one is tried."""

LEFT_S = 300.0
"""How long a run may go on after the end of its release: its last step, and its cleaning up."""


class Reconciler:
    """Passes over a platform's endpoints; what fails is tried again by a later pass."""

    def __init__(self, platform: Platform, engine: Engine) -> None:
        self._platform = platform
        self._engine = engine
        self._said: set[str] = set()

    def run(self) -> list[str]:
        """One pass; one line for each release that was begun, and for what failed, once.

        Raises:
            Unreachable: endpoints, leases, records or runs cannot be listed.
        """
        said = []
        known = standing(self._platform)
        for endpoint in self._platform.endpoints.names():
            try:
                if found := wanted(self._platform, endpoint, known):
                    said += self._begin(found)
            except SluiceError as error:  # one endpoint's trouble stops no other's releases
                said.append(f"{endpoint}: {error}")
        for run in self._engine.running():
            try:
                if self._is_left_over(run, known):
                    self._engine.stop(run)
                    said.append(f"{run.name}: asked to end, for its release has ended")
            except SluiceError as error:
                said.append(f"{run.name}: {error}")
        news = [line for line in said if line not in self._said]
        self._said = set(said)
        return news

    def _begin(self, found: Wanted) -> list[str]:
        run = self._engine.newest(found.release_id)
        if run is not None:
            if self._engine.alive(run):
                return []
            result = self._engine.result(run)
            if self._platform.clock.time() < result.ended_at + RETRY_S:
                why = result.message or "the engine said nothing"
                return [f"{found.release_id}: ended before its record began: {why}"]
        self._engine.submit(found.endpoint.name, found.version, found.release_id)
        return [f"{found.release_id}: begun"]

    def _is_left_over(self, run: Run, known: Standing) -> bool:
        """Whether the reaper, or a person, ended the release of a run, which does not see it.

        A run whose step cannot start (its image is gone) would be in the way of the endpoint's next
        release. A step that runs notices by its lease, and is given the time.
        """
        # The record of a release that is under way grows: it is not read at each pass.
        if run.release_id in known.held:
            return False
        platform = self._platform
        lines = Record(platform.records, run.release_id, platform.clock).lines()
        return bool(of(lines, Ended)) and platform.clock.time() > lines[-1].at + LEFT_S

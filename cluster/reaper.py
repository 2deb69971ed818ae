"""The dead-man's switch of all teams: ``python -m cluster.reaper``.

Each team is watched by threads of its own, so that what one team's release waits for, or fails on,
delays no other's; and one of them does the first phase alone, so that a store or a registry that
does not answer delays nobody's traffic. It runs twice, side by side: whoever takes a silent lease
first ends the release.
"""

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from cluster.access import find_access
from cluster.api import Api
from cluster.connect import platform
from cluster.settings import read
from cluster.teams import ROLE, SERVING, namespaces, teams
from components.errors import SluiceError
from components.platform import Platform
from components.printing import say
from components.release.reaper import Reaper, abandon

log = logging.getLogger("sluice.reaper")

EVERY_S = 2.0
"""Between two passes over a team's leases."""
TEAMS_EVERY_S = 30.0
"""How soon a new team is found."""


@dataclass
class Teams:
    """Whom to watch.

    A team that was watched is, as long as its namespace is there: who applies that without its
    label ends nothing of what is under way in it, which has nobody else.

    Args:
        api: the API server.
        tell: one line for each team whose namespace has lost its label.
    """

    api: Api
    tell: Callable[[str], None]
    _told: set[str] = field(default_factory=set, init=False)

    def wanted(self, watched: Collection[str]) -> set[str]:
        """The teams; ``watched``: who is until now.

        Raises:
            PlatformError: they cannot be asked for.
        """
        listed = set(teams(self.api))
        lost = set(watched) - listed
        there = namespaces(self.api) if lost else {}
        unlabelled = {each for each in lost if there.get(each)}
        for team in sorted(unlabelled - self._told):
            self.tell(
                f"{team}: its namespace has lost the label {ROLE}={SERVING}, and is watched only"
                " until this process ends: put it back:"
                f" 'kubectl label namespace {team} {ROLE}={SERVING}'"
            )
        self._told = unlabelled
        return listed | (lost & set(there))


@dataclass
class Watches:
    """The threads, each of one team.

    Args:
        connect: a team's platform; of its own, for it is another thread's.
        every: seconds between two passes.
        tell: one line for each thing that was done or failed.
    """

    connect: Callable[[str], Platform]
    every: float
    tell: Callable[[str], None]
    _ends: dict[str, threading.Event] = field(default_factory=dict, init=False)
    """By team: set when it is to be watched no longer."""

    @property
    def watched(self) -> list[str]:
        """Whom it watches."""
        return list(self._ends)

    def watch(self, wanted: Collection[str]) -> list[str]:
        """Watch these teams, and no other; those that are watched no longer."""
        gone = sorted(set(self._ends) - set(wanted))
        for team in gone:
            self._ends.pop(team).set()
        for team in set(wanted) - set(self._ends):
            end = self._ends[team] = threading.Event()
            name = f"reaper of {team}"
            threading.Thread(target=self._run, args=(team, end), name=name, daemon=True).start()
        return gone

    def abandon(self, team: str) -> None:
        """End what a team that has gone had under way, unless it comes back meanwhile."""
        threading.Thread(target=self._abandon, args=(team,), daemon=True).start()

    def _run(self, team: str, end: threading.Event) -> None:
        made: list[Reaper] = []

        def connect() -> list[str]:
            made.append(Reaper(self.connect(team)))
            return []

        self._repeat(team, connect, lambda: end.is_set() or bool(made))
        for reaper in made:
            second = (team, reaper.finish, end.is_set)
            threading.Thread(target=self._repeat, args=second, daemon=True).start()
            self._repeat(team, reaper.restore, end.is_set)

    def _abandon(self, team: str) -> None:
        done = threading.Event()

        def act() -> list[str]:
            said = abandon(self.connect(team), f"the namespace {team} was deleted")
            done.set()
            return said

        self._repeat(team, act, lambda: done.is_set() or team in self._ends)

    def _repeat(self, team: str, act: Callable[[], list[str]], over: Callable[[], bool]) -> None:
        """Act until it is over; a fault that lasts is told once."""
        said = ""
        while not over():
            now = ""
            try:
                for line in act():
                    self.tell(f"{team}: {line}")
            except (SluiceError, OSError) as error:
                now = str(error)
            except Exception as error:
                # Whatever it meets, it must be there for the next release.
                log.exception("this was not foreseen")
                now = f"{type(error).__name__}: {error}"
            if now and now != said:
                self.tell(f"{team}: the next pass tries again: {now}")
            said = now
            if not over():
                time.sleep(self.every)


def main() -> None:
    """Watch every team until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    access = find_access()
    api = Api(access)

    def connect(team: str) -> Platform:
        own = Api(access)
        return platform(own, team, read(own))

    watches, every = Watches(connect, EVERY_S, say), Teams(api, say)
    while True:
        try:
            for team in watches.watch(every.wanted(watches.watched)):
                watches.abandon(team)
        except SluiceError as error:
            say(f"teams are asked for again: {error}")
        time.sleep(TEAMS_EVERY_S)


if __name__ == "__main__":
    main()

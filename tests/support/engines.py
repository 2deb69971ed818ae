"""An engine that runs nothing by itself (`components.engine.Engine`)."""

from collections.abc import Callable
from dataclasses import dataclass, field

from components.engine import Result, Run
from components.errors import PlatformError


@dataclass
class Engine:
    """Knows one run at most; a new one does what it is told."""

    asks = False
    run: Run | None = None
    lives: bool = False
    do: Callable[[], object] = lambda: None
    away: str = ""
    """Why it cannot be asked; empty: it can."""
    submitted: list[str] = field(default_factory=list)

    def release_id(self, endpoint: str, version: str) -> str:
        raise NotImplementedError

    def submit(self, endpoint: str, version: str, release_id: str) -> Run:
        self.submitted.append(release_id)
        self.do()
        return Run(release_id, "run 2", "")

    def newest(self, _release_id: str) -> Run | None:
        if self.away:
            raise PlatformError(self.away)
        return self.run

    def running(self) -> list[Run]:
        return []

    def alive(self, _run: Run) -> bool:
        return self.lives

    def stop(self, _run: Run) -> None:
        raise NotImplementedError

    def result(self, _run: Run) -> Result:
        raise NotImplementedError

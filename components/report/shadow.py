"""What the copies of a release's shadow showed, out of its record."""

from collections.abc import Sequence
from dataclasses import dataclass

from components.judge import Arm, Verdict
from components.record import Line, MirrorSet, Shadowed, of


@dataclass(frozen=True)
class Shadow:
    """The time in which production's requests were copied; seconds since the release began."""

    percent: int
    """Of production's requests."""
    began: float
    ended: float
    verdict: Verdict
    candidate: Arm | None
    """What it did with the copies; None while they are not compared yet."""
    champion: Arm | None

    @property
    def failed(self) -> bool:
        """It ended the release."""
        return self.verdict.final and self.verdict.decision != "PROMOTE"


def shadow_in(lines: Sequence[Line]) -> Shadow | None:
    """The shadow that these lines record; None without one."""
    mirrors = [line for line in lines if isinstance(line.body, MirrorSet)]
    polled = [line for line in lines if isinstance(line.body, Shadowed)]
    if not mirrors or not polled:
        return None
    (mirror,), (newest,) = of(mirrors[-1:], MirrorSet), of(polled[-1:], Shadowed)
    found, zero = newest.verdict.evidence, lines[0].at
    return Shadow(
        percent=mirror.percent,
        began=mirrors[0].at - zero,
        ended=max(polled[-1].at, mirrors[-1].at) - zero,
        verdict=newest.verdict,
        candidate=found.candidate if found else None,
        champion=found.champion if found else None,
    )

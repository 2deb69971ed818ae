"""What people have decided of a release, and what it waits for: a fold over its record."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from components.record import Body, Decided, Held, Noted, Outcome, Wait

EXPIRED = "approval_expired"
"""Event before the end of a release that nobody has approved in time; its detail is the reason."""


@dataclass(frozen=True)
class Standing:
    """Where people have left a release."""

    heard: frozenset[int] = frozenset()
    """The numbers of the decisions that its record has."""
    approved_by: str = ""
    paused: str = ""
    """Who has paused it, and why; empty: nobody, or it was resumed."""
    refused: tuple[Outcome, str] | None = None
    """How it ends, because nobody approved it in time or somebody rejected it."""
    waits: tuple[Wait, ...] = ()
    """What keeps it from its next step."""
    step: int = 0
    """The percentage that is held, if one is."""
    asked_at: float | None = None
    """When it was first held for approval, in seconds since it began."""

    @property
    def waits_for_approval(self) -> bool:
        """Whether it is held for approval."""
        return any(each.cause == "approval" for each in self.waits)

    @property
    def said(self) -> str:
        """What it waits for, in one line; empty for nothing."""
        return "; ".join(each.said for each in self.waits)


def after(standing: Standing, body: Body) -> Standing:
    """The standing after one more line of the record."""
    match body:
        case Held(step=step, t=t, waits=waits):
            held = replace(standing, step=step if waits else 0, waits=waits)
            asks = held.waits_for_approval and standing.asked_at is None
            return replace(held, asked_at=t) if asks else held
        case Decided() as decided:
            return decide(standing, decided)
        case Noted(event=event, detail=detail) if event == EXPIRED:
            return replace(standing, refused=standing.refused or ("held", detail))
    return standing


def decide(standing: Standing, decided: Decided) -> Standing:
    """The standing after a decision: a rejection counts whatever was said before."""
    changed = _BY[decided.says](standing, decided)
    return replace(changed, heard=standing.heard | {decided.number})


def _with_reason(said: str, decided: Decided) -> str:
    return f"{said} by {decided.by}" + (f": {decided.reason}" if decided.reason else "")


def rejected(decided: Decided) -> str:
    """The reason of a release that ends by this rejection."""
    return _with_reason("rejected", decided)


_BY: Mapping[str, Callable[[Standing, Decided], Standing]] = {
    "approve": lambda before, its: replace(
        # Of what nobody was asked yet, nobody can have seen the evidence.
        before,
        approved_by=before.approved_by or ("" if before.asked_at is None else its.by),
    ),
    "reject": lambda before, its: replace(
        before, refused=before.refused or ("rolled_back", rejected(its))
    ),
    "pause": lambda before, its: replace(before, paused=_with_reason("paused", its)),
    "resume": lambda before, _: replace(before, paused=""),
}

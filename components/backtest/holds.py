"""A release's holds, held against its policy: nothing grows while a step is held, or unapproved."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from components.endpoint import Endpoint
from components.record import Body, Held, Noted
from components.release import standing
from components.release.standing import Standing


@dataclass
class Holds:
    """What a release waits for after the lines taken so far."""

    endpoint: Endpoint
    standing: Standing = field(default_factory=Standing)

    def take(self, body: Body, step: int) -> Iterator[str]:
        """Add a line, before which ``step`` is the next one; what of it does not follow."""
        if isinstance(body, Held):
            asks = any(each.cause == "approval" for each in body.waits)
            if body.step != step:
                yield f"the step to {body.step} % is held, {step} % is the next one"
            if asks and (self.endpoint.release.approval != "required" or step != 100):
                yield f"the step to {step} % is held for an approval that nobody asks for"
        before, self.standing = self.standing, standing.after(self.standing, body)
        late = isinstance(body, Noted) and body.event == standing.EXPIRED
        if late and (before.asked_at is None or before.approved_by):
            yield "nobody approved in time, and approval was not waited for"

    def grown(self, *, whole: bool) -> Iterator[str]:
        """What forbids a larger share at this place; ``whole``: of all of the traffic."""
        if self.standing.waits:
            causes = ", ".join(each.cause for each in self.standing.waits)
            yield f"traffic given to the candidate while its step was held ({causes})"
        if self.standing.refused:
            yield f"traffic given to a candidate that was {self.standing.refused[1]}"
        required = self.endpoint.release.approval == "required"
        if whole and required and not self.standing.approved_by:
            yield "all traffic given, and nobody approved it"

"""A record's form: lines as Sluice writes them, verdicts after polls, a first line that fits."""

from collections.abc import Iterator, Sequence

from components.judge import Poll, Verdict
from components.record import SCHEMA, Line, Opened, ReleaseKind, Unknown, is_as_written, is_whole
from components.record.finding import Finding

_NO_POLICY = 2
"""From this schema on the policy stands in the settings alone."""
_PAIRED = 2
"""From this schema on a poll and its verdict are one write."""
_LATER = "read it with the Sluice that wrote it"


def findings(lines: Sequence[Line], head: Opened) -> Iterator[Finding]:
    """What is wrong with the lines' form."""
    yield from _head(head)
    before: Line | None = None
    for number, line in enumerate(lines, start=1):
        if not is_as_written(line, before):
            yield Finding(number, "its bytes are not as Sluice writes them")
        if isinstance(line.body, Unknown):
            said = f"kind {line.kind!r} is none of schema {head.schema}"
            yield Finding(number, said, _LATER)
        elif others := line.unknown_fields():
            said = f"a {line.kind} line of schema {head.schema} has no {', '.join(sorted(others))}"
            yield Finding(number, said, _LATER)
        elif head.schema == SCHEMA and not is_whole(line):
            yield Finding(
                number, f"its members are not those of a {line.kind} line of schema {SCHEMA}"
            )
        if isinstance(line.body, Verdict) and not (before and isinstance(before.body, Poll)):
            yield Finding(number, "a verdict that does not follow its poll")
        before = line
    yield from _unjudged(lines, head)


def _unjudged(lines: Sequence[Line], head: Opened) -> Iterator[Finding]:
    """Polls without a verdict.

    The first schema wrote the two one after the other, so a kill between leaves a poll alone; the
    resumed release judges the next one.
    """
    forgiven = head.schema < _PAIRED
    alone = 0
    for number, line in enumerate(lines, start=1):
        if not isinstance(line.body, Poll):
            continue
        judged = number < len(lines) and isinstance(lines[number].body, Verdict)
        alone = 0 if judged else alone + 1
        if alone > forgiven:
            yield Finding(number, "a poll without its verdict")


def _head(head: Opened) -> Iterator[Finding]:
    for said in _head_faults(head):
        yield Finding(1, said)


def _head_faults(head: Opened) -> Iterator[str]:
    if not 1 <= head.schema <= SCHEMA:
        yield f"there is no schema {head.schema}"
    wanted = _kind_of(head)
    if head.release_kind not in wanted:
        who = f"version {head.candidate} beside {head.champion or 'none'}"
        yield f"a release of {who} is {' or '.join(wanted)}, not {head.release_kind}"
    if head.schema >= _NO_POLICY and head.policy:
        yield f"schema {head.schema} has no policy beside the settings"
    if head.schema >= _NO_POLICY and not (head.settings and head.run_id):
        yield f"schema {head.schema} has settings and a run in MLflow"
    if not head.settings:
        return
    settings = head.endpoint_settings()
    if (head.endpoint, head.model) != (settings.name, settings.model):
        whose = f"{settings.name} of model {settings.model}"
        yield f"endpoint {head.endpoint} of model {head.model} has the settings of {whose}"
    if head.policy and head.judged_by() != settings.release.policy():
        yield "its policy is not that of its settings"


def _kind_of(head: Opened) -> tuple[ReleaseKind, ...]:
    if head.champion is None:
        return ("first",)
    return ("unchanged",) if head.champion == head.candidate else ("canary", "re-release")

"""What an engine's own pages show of a release: its model, its figures, its report.

All of it stands in the record, and nothing here decides anything: what cannot be read now is not
shown, and never fails the step that has just been done.
"""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from components.errors import SluiceError
from components.judge import Verdict
from components.platform import Platform, connect
from components.record import Line, Record, of
from components.release.state import fold


def model(release_id: str, platform: Platform | None = None) -> dict[str, str]:
    """The candidate: where the registry has it, and where its verified files are.

    ``platform`` here and below: default, the one in use.
    """
    try:
        state = fold(_lines(release_id, platform))
        released = state.released
        stored = (state.files or {}).get(state.candidate)
    except SluiceError:
        return {}
    return {
        "uri": f"models:/{released.model}/{released.version}",
        "model": released.model,
        "version": released.version,
        "digest": released.digest,
        "files": stored.uri if stored else "",
        "release": release_id,
    }


def evaluated(release_id: str, platform: Platform | None = None) -> dict[str, float]:
    """The evaluation's figures, by the names that the registry has them under."""
    try:
        found = fold(_lines(release_id, platform)).evaluation
    except SluiceError:
        return {}
    numbers = getattr(found, "numbers", None)
    return dict(numbers()) if numbers else {}


def watched(release_id: str, platform: Platform | None = None) -> dict[str, float]:
    """The newest verdict's figures: requests, failures (rate), p95 (milliseconds) of both."""
    try:
        verdicts = of(_lines(release_id, platform), Verdict)
    except SluiceError:
        return {}
    if not verdicts or (evidence := verdicts[-1].evidence) is None:
        return {}
    found = {"percent": verdicts[-1].step}
    for name, arm in (("candidate", evidence.candidate), ("champion", evidence.champion)):
        found[f"{name}.requests"] = arm.requests
        if arm.requests:
            found[f"{name}.error_rate"] = arm.errors / arm.requests
        if arm.p95_ms is not None:
            found[f"{name}.p95_ms"] = arm.p95_ms
    return found


def write_page(release_id: str, path: str, platform: Platform | None = None) -> None:
    """Write the report of `sluice report` to ``path``, or why there is none."""
    from components.report.page import render
    from components.report.timeline import timeline_of

    try:
        page = render(timeline_of(_lines(release_id, platform)), release_id)
    except SluiceError as error:
        page = f"<!doctype html><title>{release_id}</title><p>no report: {escape(str(error))}</p>"
    Path(path).write_text(page, encoding="utf-8")


def _lines(release_id: str, platform: Platform | None) -> Sequence[Line]:
    used = platform or connect()
    return Record(used.records, release_id, used.clock).lines()

"""The release as one HTML page that needs nothing else: no network, no library, no fonts."""

import time
from functools import partial

from components.report import charts, formatting, line
from components.report.scorecard import evaluation, scorecard
from components.report.template import HERE, filled_in
from components.report.timeline import Timeline, p95


def render(timeline: Timeline, record: str) -> str:
    """The page of a release whose record is at ``record``."""
    return filled_in(
        HERE,
        timeline=timeline,
        state=timeline.state,
        policy=timeline.state.endpoint.release.policy(),
        formatting=formatting,
        line=line,
        moment=partial(_moment, timeline),
        p95=partial(p95, timeline.edges),
        figures=charts.charts(timeline),
        strip=charts.strip(timeline),
        marks=charts.marks(timeline),
        scorecard=scorecard(timeline),
        evaluation=evaluation(timeline),
        record=record,
    )


def _moment(timeline: Timeline, t: float) -> str:
    """The wall clock at ``t`` seconds of the release, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(timeline.state.started_at + t))

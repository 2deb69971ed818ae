"""The release as one HTML page that needs nothing else: no network, no library, no fonts."""

import base64
import hashlib
import time
from functools import partial
from pathlib import Path

from markupsafe import Markup

from components.report import charts, formatting, line
from components.report.scorecard import evaluation, scorecard
from components.report.timeline import Timeline, p95

HERE = Path(__file__).parent


def render(timeline: Timeline, record: str) -> str:
    """The page of a release whose record is at ``record``."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = (HERE / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("page.html.j2").render(
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
        style=Markup((HERE / "page.css").read_text(encoding="utf-8")),  # noqa: S704 (our own file)
        script=Markup(script),  # noqa: S704 (our own file)
        script_digest=digest,
    )


def _moment(timeline: Timeline, t: float) -> str:
    """The wall clock at ``t`` seconds of the release, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(timeline.state.started_at + t))

"""What the boards have in common: variables, links between them, marks of releases, numbering."""

import json
from collections.abc import Iterable
from typing import Any

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from dashboards.boards.parts import SOURCE, label_values
from dashboards.boards.promql import BY_ENDPOINT, EP, IN, MV, NS, SPACE, pick

Section = tuple[str, Iterable[Builder[models.Panel]]]
"""A heading and its panels; the widths of the panels of a line add up to `LINE`."""

LINE = 24
RANGE = "${__url_time_range}"
_HERE = f"var-datasource=${{datasource}}&var-namespace=${{namespace}}&{RANGE}"


def to_board(name: str, endpoint: str = "${endpoint}", version: str = "") -> str:
    """The address of another board, of the same time, data source and namespace."""
    chosen = f"var-version={version}&" if version else ""
    return f"/d/{uid(name)}?{chosen}var-endpoint={endpoint}&{_HERE}"


def to_registry(model: str, number: str) -> str:
    """The address of a model's version in MLflow."""
    return f"${{mlflow}}/#/models/{model}/versions/{number}"


def field_of(name: str) -> str:
    """What Grafana puts a row's field in the place of."""
    return f"${{__data.fields.{name}}}"


def uid(name: str) -> str:
    """A board's identity in Grafana."""
    return f"sluice-{name}"


def board(
    name: str,
    title: str,
    question: str,
    *,
    since: str,
    of_endpoint: bool,
    versions: bool = False,
    sections: Iterable[Section],
) -> dict[str, Any]:
    """A board as Grafana's JSON, schema v1.

    Args:
        name: the module's, and the file's.
        title: as people see it.
        question: what it answers, in one sentence.
        since: the begin of its range, as ``now-1h``.
        of_endpoint: show one endpoint, which the viewer chooses; else all of a namespace.
        versions: let the viewer choose some of its versions, too.
        sections: its panels.
    """
    made = (
        dashboard.Dashboard(title)
        .uid(uid(name))
        .description(question)
        .tags(["sluice"])
        .readonly()
        .time(since, "now")
        .refresh("30s")
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .with_variable(
            dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
        )
        .with_variable(_query("namespace", label_values(pick("sluice_endpoint_info"), NS)))
    )
    if of_endpoint:
        known = pick("sluice_endpoint_info", SPACE[0])
        made = made.with_variable(_query("endpoint", label_values(known, EP)))
    if versions:
        chosen = _query("version", label_values(pick("sluice_version_info", *IN), MV))
        made = made.with_variable(chosen.multi(True).include_all(True))
    made = made.with_variable(
        dashboard.TextBoxVariable("mlflow").label("MLflow").default_value("http://127.0.0.1:5000")
    )
    where = IN if of_endpoint else SPACE
    for mark in _marks(where):
        made = made.annotation(mark)
    made = made.link(
        dashboard.DashboardLink("Sluice")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags(["sluice"])
        .as_dropdown(True)
        .include_vars(True)
        .keep_time(True)
    )
    for heading, panels in sections:
        made = made.with_row(dashboard.Row(heading))
        for panel in panels:
            made = made.with_panel(panel)
    return _finished(made.build())


def _query(name: str, query: str) -> dashboard.QueryVariable:
    found = dashboard.QueryVariable(name).label(name.capitalize()).query(query).datasource(SOURCE)
    return found.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(
        models.VariableSort.ALPHABETICAL_ASC
    )


def _marks(where: tuple[str, ...]) -> list[dashboard.AnnotationQuery]:
    started = pick("sluice_release_started_timestamp_seconds", *where)
    ended = pick("sluice_release_finished_total", *where)
    return [
        _mark("Release began", "blue")
        .expr(f"{started} * 1000")
        .step("10s")
        .use_value_for_time(True)
        .title_format(f"{{{{{EP}}}}}: version {{{{{MV}}}}} began"),
        # That a release ended is no time but a count: a minute is as near as a mark can be.
        _mark("Release ended", "orange")
        .expr(f"sum {BY_ENDPOINT[:-1]}, outcome) (changes({ended}[1m])) > 0")
        .step("60s")
        .title_format(f"{{{{{EP}}}}}: {{{{outcome}}}}"),
    ]


def _mark(name: str, colour: str) -> dashboard.AnnotationQuery:
    return dashboard.AnnotationQuery().name(name).datasource(SOURCE).enable(True).icon_color(colour)


def _finished(made: models.Dashboard) -> dict[str, Any]:
    """The board with what the library leaves out, and without what it adds."""
    content: dict[str, Any] = json.loads(json.dumps(made, cls=JSONEncoder))
    for number, panel in enumerate(content["panels"], 1):
        panel["id"] = number
    # With any value they would be hidden in a menu, or altogether (grafana-foundation-sdk#1202).
    for hidden in (*content["links"], *content["annotations"]["list"]):
        hidden.pop("placement", None)
    return content

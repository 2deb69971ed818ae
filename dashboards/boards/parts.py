"""Panels as the boards write them: what every panel must have is asked for by its signature."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, Self, TypeVar

import promql_parser
from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as commons
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heatmaps
from grafana_foundation_sdk.models.prometheus import Dataquery, PromQueryFormat

from dashboards.macros import without_variables

SOURCE = commons.DataSourceRef(type_val="prometheus", uid="${datasource}")

Limits = Mapping[float, str]
"""From each value on its colour; below the lowest there is none."""
NO_LIMITS: Limits = {}


class Query(NamedTuple):
    """One target."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class About:
    """What every panel has."""

    title: str
    question: str
    """What it answers; the metrics are named behind it."""
    unit: str
    empty: str
    """What stands there when there is nothing to show."""
    limits: Limits = field(default_factory=dict)
    width: int = 8
    height: int | None = None
    """None: as usual for its kind."""
    decimals: int | None = None
    values: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Values that are words: text and colour."""


class _Panel(Protocol):
    """What the library's builders of panels have in common."""

    def title(self, title: str) -> Self: ...
    def description(self, description: str) -> Self: ...
    def unit(self, unit: str) -> Self: ...
    def decimals(self, decimals: float) -> Self: ...
    def no_value(self, no_value: str) -> Self: ...
    def datasource(self, datasource: commons.DataSourceRef) -> Self: ...
    def height(self, h: int) -> Self: ...
    def span(self, w: int) -> Self: ...
    def thresholds(self, thresholds: Builder[models.ThresholdsConfig]) -> Self: ...
    def mappings(self, mappings: list[models.ValueMapping]) -> Self: ...
    def with_target(self, target: Builder[Dataquery]) -> Self: ...


_P = TypeVar("_P", bound=_Panel)


def names(expr: str) -> list[str]:
    """The metrics that an expression reads, in order."""
    found: list[str] = []

    def visit(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.VectorSelector) and node.name not in (None, *found):
            found.append(str(node.name))

    promql_parser.walk(promql_parser.parse(without_variables(expr)), visit)
    return found


def _described(about: About, queries: Sequence[Query]) -> str:
    metrics = dict.fromkeys(name for query in queries for name in names(query.expr))
    return f"{about.question} Metrics: {', '.join(f'`{name}`' for name in metrics)}."


def _steps(limits: Limits, base: str) -> dashboard.ThresholdsConfig:
    steps = [models.Threshold(value=None, color=base)]
    steps += [models.Threshold(value=value, color=colour) for value, colour in limits.items()]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def _common(
    panel: _P,
    about: About,
    queries: Sequence[Query],
    base: str,
    *,
    usual_height: int = 8,
    **kind: bool,
) -> _P:
    panel = (
        panel.title(about.title)
        .description(_described(about, queries))
        .unit(about.unit)
        .no_value(about.empty)
        .datasource(SOURCE)
        .span(about.width)
        .height(about.height or usual_height)
        .thresholds(_steps(about.limits, base))
    )
    if about.decimals is not None:
        panel = panel.decimals(about.decimals)
    # A quantile or a mean of nothing is NaN.
    nothing = models.DashboardSpecialValueMapOptions(
        match=models.SpecialValueMatch.NA_N, result=models.ValueMappingResult(text=about.empty)
    )
    mappings: list[models.ValueMapping] = [models.SpecialValueMap(options=nothing)]
    if about.values:
        options = {
            value: models.ValueMappingResult(text=text, color=colour, index=index)
            for index, (value, (text, colour)) in enumerate(about.values.items())
        }
        mappings.append(models.ValueMap(options=options))
    panel = panel.mappings(mappings)
    for index, query in enumerate(queries):
        panel = panel.with_target(_target(index, query, **kind))
    return panel


def _target(
    index: int, query: Query, *, instant: bool = False, heat: bool = False, rows: bool = False
) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expr).ref_id(chr(ord("A") + index))
    target = target.datasource(SOURCE).legend_format(query.legend or "__auto")
    target = target.instant() if instant else target.range()
    if heat:
        return target.format(PromQueryFormat.HEATMAP)
    return target.format(PromQueryFormat.TABLE) if rows else target


def lines(
    about: About,
    *queries: Query,
    least: float | None = 0,
    stacked: bool = False,
    stepped: str = "",
) -> timeseries.Panel:
    """Lines over time; ``stepped`` is a pattern of legends whose lines are stairs."""
    panel = _common(timeseries.Panel(), about, queries, "transparent")
    panel = panel.line_width(2).show_points(commons.VisibilityMode.NEVER).fill_opacity(0)
    panel = panel.color_scheme(
        dashboard.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC_BY_NAME)
    )
    legend = common.VizLegendOptions().show_legend(True)
    panel = panel.legend(
        legend.display_mode(commons.LegendDisplayMode.LIST)
        .placement(commons.LegendPlacement.BOTTOM)
        .calcs(["lastNotNull"])
    )
    panel = panel.tooltip(common.VizTooltipOptions().mode(commons.TooltipDisplayMode.MULTI))
    if least is not None:
        panel = panel.min(least)
    if about.limits:
        style = common.GraphThresholdsStyleConfig()
        panel = panel.thresholds_style(style.mode(commons.GraphThresholdsStyleMode.DASHED))
    if stacked:
        stacking = common.StackingConfig().mode(commons.StackingMode.NORMAL).group("A")
        panel = panel.stacking(stacking).fill_opacity(30)
    if stepped:
        stairs = [
            models.DynamicConfigValue(id_val="custom.lineInterpolation", value="stepAfter"),
            models.DynamicConfigValue(
                id_val="custom.lineStyle", value={"fill": "dash", "dash": [6, 4]}
            ),
        ]
        panel = panel.override_by_regexp(f"/{stepped}/", stairs)
    return panel


def number(about: About, query: Query) -> stat.Panel:
    """One number of now."""
    panel = _common(stat.Panel(), about, (query,), "text", usual_height=4, instant=True)
    last = common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields("")
    return panel.reduce_options(last).graph_mode(commons.BigValueGraphMode.NONE)


def bars(about: About, *queries: Query, buckets: bool = False) -> bargauge.Panel:
    """One bar a series; of a histogram's buckets one bar a bucket."""
    panel = _common(bargauge.Panel(), about, queries, "blue", instant=True, heat=buckets).min(0)
    last = common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields("")
    panel = panel.reduce_options(last).orientation(commons.VizOrientation.HORIZONTAL)
    return panel.display_mode(commons.BarGaugeDisplayMode.BASIC)


def heat(about: About, query: Query) -> heatmap.Panel:
    """A histogram over time."""
    panel = _common(heatmap.Panel(), about, (query,), "text", heat=True).calculate(False)
    colour = heatmap.HeatmapColorOptions().mode(heatmaps.HeatmapColorMode.SCHEME)
    axis = heatmap.YAxisConfig().unit(about.unit)
    return panel.color(colour.scheme("Blues").steps(64)).y_axis(axis)


def states(about: About, *queries: Query) -> statetimeline.Panel:
    """What stood when, a row a series."""
    panel = _common(statetimeline.Panel(), about, queries, "transparent")
    panel = panel.show_value(commons.VisibilityMode.NEVER).row_height(0.8)
    return panel.color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))


class Column(NamedTuple):
    """A column of a table: a label's, or a query's value."""

    field: str
    """The label, or ``Value #A`` of target A."""
    name: str
    unit: str = ""
    limits: Limits = NO_LIMITS
    link: str = ""
    title: str = ""
    """The link's."""
    decimals: int | None = None


def rows(about: About, queries: Sequence[Query], columns: Sequence[Column]) -> table.Panel:
    """One row for each set of labels, with the columns in this order and no other."""
    panel = _common(table.Panel(), about, queries, "text", instant=True, rows=True)
    shown = {column.field: column.name for column in columns}
    values = [f"Value #{chr(ord('A') + index)}" for index in range(len(queries))]
    hidden = [name for name in ("Time", *values, NAME) if name not in shown]
    panel = panel.with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
    panel = panel.with_transformation(
        models.DataTransformerConfig(
            id_val="organize",
            options={
                "excludeByName": dict.fromkeys(hidden, True),
                "indexByName": {name: index for index, name in enumerate(shown)},
                "renameByName": shown,
            },
        )
    )
    for column in columns:
        if found := _properties(column):
            panel = panel.override_by_name(column.name, found)
    return panel


NAME = "__name__"


def _properties(column: Column) -> list[models.DynamicConfigValue]:
    found = []
    if column.unit:
        found.append(models.DynamicConfigValue(id_val="unit", value=column.unit))
    if column.decimals is not None:
        found.append(models.DynamicConfigValue(id_val="decimals", value=column.decimals))
    if column.limits:
        steps: list[dict[str, object]] = [{"color": "text", "value": None}]
        steps += [{"color": colour, "value": value} for value, colour in column.limits.items()]
        steady = {"mode": "absolute", "steps": steps}
        found.append(models.DynamicConfigValue(id_val="thresholds", value=steady))
        options = {"type": "color-text"}
        found.append(models.DynamicConfigValue(id_val="custom.cellOptions", value=options))
    if column.link:
        link = {"title": column.title, "url": column.link, "targetBlank": False}
        found.append(models.DynamicConfigValue(id_val="links", value=[link]))
    return found


def label_values(selector: str, label: str) -> str:
    """The query of a variable: all values of a label of these series."""
    return f"label_values({selector}, {label})"

"""The picker's figures: every call of `sdanalytics.plots`, by its public parameters."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import pandas as pd

from sdanalytics import plots
from sdanalytics._core.caught_warnings import collect_warnings
from sdanalytics.analysis.explain import explain
from sdanalytics.analysis.periods import Period
from sdanalytics.plots.titles import TitleLike
from sdanalytics.widgets.lab_theme import make_figure_style
from sdanalytics.widgets.shown_report import ShownReport, ViewChoice

PLOTS_WITH_METRIC: Final = ("trend", "top", "calendar", "halo", "waterfall")
PLOTS_WITH_GROUP: Final = ("top", "efficiency")
CSS_PIXELS_PER_INCH: Final = 100
SCREEN_DPI: Final = 144
FILE_DPI: Final = 200

_PLOTS_BY_NAME: Final = ("trend", *PLOTS_WITH_GROUP)
_PLOTS_OF_BOTH_PERIODS: Final = ("trend", "calendar")
"""Figures with days: they show both periods in one."""
_WIDTH: Final = 11.0
"""Inches: of the output of a cell in a window of 1,280 pixels."""
_HEIGHT: Final = 3.5
"""Inches: with the menus above it, it fits a window of 800 pixels."""
_TALL: Final = 4.6
_TALL_PLOTS: Final = ("efficiency", "halo")


class Picture(NamedTuple):
    """A figure that has been drawn.

    Attributes
    ----------
    png : bytes
    text : str
        The figure in words, for those who do not see it.
    notes : list of str
        Warnings about its numbers.
    width : int
        CSS pixels.
    """

    png: bytes
    text: str
    notes: list[str]
    width: int


def list_figures(rows: pd.DataFrame, metrics: Sequence[str], *, is_compared: bool) -> list[str]:
    """Return the figures that the frame has the columns for."""
    if not metrics:
        return []
    available = ["trend", "top"]
    if is_compared:
        available.append("waterfall")
    if {"cost", "sales", "orders"} <= set(metrics):
        available.append("efficiency")
    if {"impressions", "clicks"} <= set(metrics):
        available.append("funnel")
    if "otherAsin" in rows:
        available.append("halo")
    available.append("calendar")
    return available


def draw_figure(
    report: ShownReport,
    choice: ViewChoice,
    colors: Mapping[str, str],
    *,
    dpi: int = SCREEN_DPI,
    has_title: bool = False,
) -> Picture:
    """Draw the figure that was chosen, in the colours of a theme.

    Parameters
    ----------
    report : ShownReport
    choice : ViewChoice
    colors : mapping of str to str
        See `LabTheme`.
    dpi : int
    has_title : bool
        Whether the figure says what, when and whom; on the page its heading does.

    Raises
    ------
    InvalidRequest
        When the frame lacks the columns for it.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    height = _HEIGHT
    if choice.plot in _TALL_PLOTS:
        height = _TALL
    png = io.BytesIO()
    style: Any = make_figure_style(colors)
    with collect_warnings() as notes, mpl.rc_context(style):
        # pyplot's figures come out blank where callbacks run in subshells (JupyterLab 4.4+).
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        _draw_periods(figure, report, choice, title=None if has_title else False)
        figure.savefig(png, format="png", dpi=dpi)
    width = round(CSS_PIXELS_PER_INCH * _WIDTH)
    return Picture(png.getvalue(), _describe_figure(report, choice), notes, width)


def _draw_periods(figure: Any, report: ShownReport, choice: ViewChoice, title: TitleLike) -> None:
    """Draw one panel, or one for each period."""
    both = report.both
    if choice.plot == "waterfall":
        _draw_waterfall(figure, report, choice, title)
    elif both is None:
        _draw_panel(figure.subplots(), report.rows, report, choice, title)
    elif choice.plot in _PLOTS_OF_BOTH_PERIODS:
        ax = figure.subplots()
        _draw_panel(ax, both, report, choice, title)
        if choice.plot == "trend":
            _mark_beginning(ax, report.now)
    else:
        _draw_side_by_side(figure, both, report, choice)


def _draw_panel(
    ax: Any, rows: pd.DataFrame, report: ShownReport, choice: ViewChoice, title: TitleLike
) -> None:
    options: dict[str, Any] = {"title": title}
    if choice.plot in PLOTS_WITH_METRIC:
        options["metric"] = choice.metric
    if choice.plot in _PLOTS_BY_NAME:
        options["by"] = choice.by
    if choice.plot == "trend" and choice.metric in report.final_metrics:
        options["final"] = report.curve
    if choice.plot == "efficiency":
        options["acos"] = choice.target_acos
    if choice.plot == "top" and choice.target_acos is not None and "costType" in rows:
        options |= {"hue": "acos", "target": choice.target_acos}
    draw = getattr(plots, str(choice.plot))
    draw(rows, ax=ax, **options)
    is_trend_of_acos = choice.plot == "trend" and choice.metric == "acos"
    if is_trend_of_acos and choice.target_acos is not None:
        _mark_target(ax, choice.target_acos)


def _draw_waterfall(figure: Any, report: ShownReport, choice: ViewChoice, title: TitleLike) -> None:
    assert report.both is not None
    before, now = report.periods
    explanation = explain(
        report.both, before, now, metric=str(choice.metric), by=choice.by, final=report.curve
    )
    plots.waterfall(explanation, ax=figure.subplots(), title=title)


def _draw_side_by_side(
    figure: Any, both: pd.DataFrame, report: ShownReport, choice: ViewChoice
) -> None:
    """Draw the period before on the left, the selected one on the right, on the same scale."""
    is_efficiency = choice.plot == "efficiency"
    panels = figure.subplots(1, 2, sharex=choice.plot != "halo", sharey=is_efficiency)
    for ax, period in zip(panels, (report.before, report.now), strict=True):
        rows = both[period.find_rows(both["date"])]
        _draw_panel(ax, rows, report, choice, _name_period(period))


def _name_period(period: Period) -> str:
    return f"{period.first} to {period.last}"


def _mark_beginning(ax: Any, now: Period) -> None:
    """Draw a line between the period before and the selected one."""
    half_day = pd.Timedelta(hours=12)
    between = pd.Timestamp(now.first) - half_day
    color = ax.xaxis.label.get_color()
    ax.axvline(between, color=color, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0.6)
    ax.annotate(
        "period before ",
        (between, 1),
        xycoords=("data", "axes fraction"),
        ha="right",
        va="bottom",
        fontsize="small",
    )


def _mark_target(ax: Any, target_acos: float) -> None:
    """Draw the target as a line with its number."""
    color = ax.xaxis.label.get_color()
    ax.axhline(target_acos, color=color, linewidth=0.8, linestyle=(0, (1, 2)), zorder=0.6)
    ax.annotate(
        f"target {target_acos:.0%}",
        (1, target_acos),
        xycoords=("axes fraction", "data"),
        ha="right",
        va="bottom",
        fontsize="small",
    )


def list_figure_words(choice: ViewChoice) -> list[str]:
    """Return the figure, its metric and its grouping, as far as it has them."""
    words = [str(choice.plot)]
    if choice.plot in PLOTS_WITH_METRIC:
        words.append(f"metric {choice.metric}")
    if choice.plot in (*_PLOTS_BY_NAME, "waterfall") and choice.by:
        words.append(f"by {choice.by}")
    return words


def _describe_figure(report: ShownReport, choice: ViewChoice) -> str:
    """Return the figure in words."""
    parts = list_figure_words(choice)
    if choice.plot in ("trend", "waterfall") and choice.metric in report.final_metrics:
        parts.append("final numbers")
    if report.both is not None:
        parts.append(f"compared with {_name_period(report.before)}")
    return ", ".join(parts)

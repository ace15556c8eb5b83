"""Matplotlib figures of reports: data first, the rest by keyword, an Axes back.

Every function takes a frame from `fetch_report` or from `summarize`, and draws sums, ratios
of sums (`acos`, `roas`, ...) or a column of the user's own, which is summed. What has no sum
is refused: rates without their parts, budgets and reach of several rows, money in several
currencies.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.kpi_definitions import (
    KPIS,
    is_attributed,
    is_catalogued,
    metric_unit,
)
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.partition import COVERAGE_STATES
from sdanalytics.plots.plot_data import (
    STAGES,
    by_name,
    calendar_data,
    coverage_matrix,
    funnel_data,
    halo_data,
    to_float_array,
    trend_data,
)
from sdanalytics.plots.style import (
    CAPTION_COLOR,
    OTHER_COLOR,
    PALETTE,
    SEQUENTIAL_CMAP,
    add_caption,
    axis_title,
    color_bar,
    color_legend,
    color_limits,
    draw_empty,
    ensure_axes,
    format_date_axis,
    format_number,
    format_number_axis,
    legend,
    merge_artist_kwargs,
    metric_label,
    set_font_fallback,
    short_labels,
    style_axes,
    write_cells,
)

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.image import AxesImage
    from matplotlib.text import Annotation

    from sdanalytics.store.cache import ReportCache

_NICE_ROAS: Final = (0.5, 1, 2, 3, 5, 8, 12, 20, 30, 50, 100)
_SIDES: Final = (
    (1, 0, "left", "center"),
    (-1, 0, "right", "center"),
    (0, 1, "center", "bottom"),
    (0, -1, "center", "top"),
    (0, 1, "left", "bottom"),
    (0, -1, "left", "top"),
    (0, 1, "right", "bottom"),
    (0, -1, "right", "top"),
)
"""Where a name may stand beside its bubble: direction and alignment, the best first."""
_FEWEST_BARS: Final = 4
"""Fewer bars leave room, as bars as thick as that look like areas."""
_STANDINGS: Final = {
    "final": (PALETTE[0], "stored for good"),
    "restatable": (PALETTE[5], "may change"),
    "empty": ("#DCDCDC", "stored, no rows"),
    "missing": (PALETTE[1], "not stored"),
    "gone": ("#3C3C3C", "not stored, too old"),
}
"""The colour of each of `STATES`, and what it means."""
_LINE: Final = 0.19
"""Inches that a line of the coverage is high."""
_FEW_LINES: Final = 12
_FEW_DAYS: Final = 45
_NO_DAY: Final = "#EDEDED"
_ALONE: Final = 4
"""So many times the second largest, a value stands alone."""
_ABSURD: Final = 200
"""A target of 20,000%: per cent were meant, or nothing."""
RESTATABLE: Final = "restatable_from"
TRAFFIC: Final = "traffic_restatable_from"
ARRIVING: Final = "arriving_from"
"""Keys of the frame's notes (`sdanalytics.store.freshness.changing_from`)."""
_WALL_WEEKS: Final = 14
"""Up to so many weeks a calendar hangs as on a wall; more run to the right."""


def trend(
    data: pd.DataFrame,
    metric: str = "cost",
    *,
    by: str | None = None,
    n: int = 5,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """A metric over time; days that Amazon may still restate are lighter.

    Parameters
    ----------
    data : pandas.DataFrame
        With a column `date`. Days without rows are a gap in the line.
    metric : str
        A metric or key figure.
    by : str, optional
        A column: a line for each of its `n` largest values (of ratios: the largest by
        cost), and one for all others together.
    n : int
        How many lines at the most, the others' not counted.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure's by default.
    **kwargs
        To `matplotlib.axes.Axes.plot`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidRequest
        When the frame cannot give the metric; says which `metrics=` would.
    """
    lines = trend_data(data, metric, by, n)
    values = lines.values
    with ensure_axes(ax, rows=len(lines.names) // 2 + 9) as ax:
        if values.isna().all(axis=None):
            return draw_empty(ax, "no rows" if values.empty else "no values")
        for place, (label, column) in enumerate(
            zip(short_labels(lines.names), values, strict=True)
        ):
            style = _line_style(place, is_rest=place == n) | {"label": label}
            ax.plot(
                values.index,
                to_float_array(values[column]),
                **merge_artist_kwargs(style, kwargs, "lines.Line2D"),
            )
        style_axes(ax)
        format_date_axis(ax)
        format_number_axis(ax.yaxis, metric_unit(metric))
        if ax.dataLim.ymin >= 0:
            ax.set_ylim(bottom=0)
        ax.set_ylabel(axis_title(data, metric))
        _lighten(ax, data, metric, pd.DatetimeIndex(values.index))
        if lines.endless is not None:
            _mark_endless(ax, lines.endless, metric, n)
        if by is not None:
            legend(ax)
        return ax


def top(
    data: pd.DataFrame,
    metric: str = "cost",
    *,
    by: str = "campaignName",
    n: int = 10,
    dot: str | None = None,
    hue: str | None = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """The largest values of a column by a metric, over all days, as bars.

    Parameters
    ----------
    data : pandas.DataFrame
    metric : str
        A metric or key figure: the length of the bars.
    by : str
        Whose bars.
    n : int
        How many bars at the most.
    dot : str, optional
        Another metric, as a dot on each bar's line with an axis of its own above.
    hue : str, optional
        Another metric, as the colour of each bar.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure's by default.
    **kwargs
        To `matplotlib.axes.Axes.barh`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidRequest
        When the frame cannot give the metrics; says which `metrics=` would.
    """
    wanted = [metric, *(name for name in (dot, hue) if name is not None)]
    table = by_name(data, by, wanted, n).head(n)
    with ensure_axes(ax, rows=len(table)) as ax:
        if table[metric].isna().all():
            return draw_empty(ax, "no rows" if table.empty else "no values")
        widths, unit = to_float_array(table[metric]), metric_unit(metric)
        style: dict[str, Any] = {"color": PALETTE[0], "height": 0.7}
        if hue is not None:
            style["color"] = _hues(ax, data, hue, table)
        bars = ax.barh(
            range(len(table)),
            np.nan_to_num(widths),
            **merge_artist_kwargs(style, kwargs, "patches.Patch"),
        )
        if dot is None:
            told = [format_number(value, unit) for value in widths]
            ax.bar_label(bars, labels=told, padding=3, fontsize="small")
        ax.set_yticks(range(len(table)), short_labels(table.index.tolist()))
        ax.set_ylim(max(len(table), _FEWEST_BARS) - 0.5, -0.5)
        ax.margins(x=0.14)
        ax.set_xlabel(axis_title(data, metric))
        format_number_axis(ax.xaxis, unit)
        style_axes(ax)
        ax.tick_params(axis="y", length=0)
        if dot is not None:
            _dots(ax, data, dot, table)
        return ax


def efficiency(
    data: pd.DataFrame,
    metric: str = "sales",
    *,
    by: str = "campaignName",
    size: str = "orders",
    acos: float | Sequence[float] | None = None,
    roas: float | Sequence[float] | None = None,
    n: int = 8,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """Cost against sales, a bubble each; what lies above a line returns more than its ROAS.

    Parameters
    ----------
    data : pandas.DataFrame
    metric : str
        What the cost is to bring.
    by : str
        Whose bubbles.
    size : str
        A metric, as the bubbles' area.
    acos, roas : float or sequence of float, optional
        Targets to draw lines of (`acos` as a fraction: 0.25); by default a few round ROAS.
        Only for `metric="sales"` or other money.
    n : int
        How many bubbles, those of the largest cost, are named.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure's by default.
    **kwargs
        To `matplotlib.axes.Axes.scatter`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidRequest
        When the frame cannot give the metrics, or a target is not above 0.
    """
    targets = _targets(acos, roas, metric)
    table = by_name(data, by, ["cost", metric, size], n).dropna(subset=["cost", metric])
    with ensure_axes(ax) as ax:
        if table.empty:
            return draw_empty(ax, "no values" if len(data) else "no rows")
        areas = np.nan_to_num(to_float_array(table[size]))
        style: dict[str, Any] = {"alpha": 0.6, "edgecolor": "white"}
        style["s"] = 20 + 380 * np.abs(areas) / (np.abs(areas).max() or 1.0)
        if "c" not in kwargs:
            style["color"] = PALETTE[0]
        costs, returns = to_float_array(table["cost"]), to_float_array(table[metric])
        bubbles = ax.scatter(
            costs, returns, **merge_artist_kwargs(style, kwargs, "collections.PathCollection")
        )
        ax.margins(0.12)
        ax.set_xlim(left=0)
        if returns.min() >= 0:
            ax.set_ylim(bottom=0)
        else:
            ax.axhline(0, color=OTHER_COLOR, linewidth=0.8)
        for axis, name in ((ax.xaxis, "cost"), (ax.yaxis, metric)):
            format_number_axis(axis, metric_unit(name))
            axis.set_label_text(axis_title(data, name))
        style_axes(ax)
        if metric_unit(metric) == "currency":
            _target_lines(ax, targets or _nice_targets(costs, returns))
        add_caption(
            ax, f"area: {metric_label(size)}, up to {format_number(areas.max(), metric_unit(size))}"
        )
        _name_bubbles(ax, bubbles, short_labels(table.index.tolist()[:n]))
        return ax


def funnel(data: pd.DataFrame, *, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """From impressions to orders, with the rate from each stage to the next.

    Parameters
    ----------
    data : pandas.DataFrame
        All its rows together. Stages whose columns it lacks are left out.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure's by default.
    **kwargs
        To `matplotlib.axes.Axes.barh`.

    Returns
    -------
    matplotlib.axes.Axes
        The widths are on a logarithmic scale: each stage is a small part of the one before.

    Raises
    ------
    InvalidRequest
        When the frame has fewer than two stages; says which `metrics=` would.
    """
    counts = funnel_data(data)
    with ensure_axes(ax) as ax:
        totals = np.array(list(counts.values()))
        if np.isnan(totals).all():
            return draw_empty(ax, "no values" if len(data) else "no rows")
        widths = np.maximum(np.nan_to_num(totals), 1.0)
        style = {"color": PALETTE[0], "height": 0.5}
        bars = ax.barh(
            range(len(counts)), widths, **merge_artist_kwargs(style, kwargs, "patches.Patch")
        )
        ax.set_xscale("log")
        told = ["missing" if total != total else f"{total:,.0f}" for total in totals]
        ax.bar_label(bars, labels=told, padding=4)
        for place, (before, after) in enumerate(pairwise(counts)):
            ax.text(
                0.012, place + 0.5, _rate(counts, before, after), va="center", color=CAPTION_COLOR,
                fontsize="small", transform=ax.get_yaxis_transform(),
            )  # fmt: skip
        ax.set_yticks(range(len(counts)), [STAGES[stage] for stage in counts])
        ax.invert_yaxis()
        ax.set_xlim(1, max(widths.max(), 10.0) ** 1.15)
        ax.set_xlabel("count (logarithmic)")
        style_axes(ax)
        ax.tick_params(axis="y", length=0)
        ax.minorticks_off()
        return ax


def halo(
    data: pd.DataFrame,
    metric: str = "attributedSales14dOtherSKU",
    *,
    n: int = 8,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """What was bought after ads for something else: advertised by purchased ASIN.

    Parameters
    ----------
    data : pandas.DataFrame
        An ``asins`` report.
    metric : str
        What the cells hold.
    n : int
        How many ASINs each way, the largest; the others are folded into one.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure's by default.
    **kwargs
        To `matplotlib.axes.Axes.imshow`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidRequest
        When the frame is not of the ``asins`` report, or lacks the metric.
    """
    cells, others = halo_data(data, metric, n)
    with ensure_axes(ax, rows=len(cells) + 2) as ax:
        if cells.isna().all(axis=None):
            return draw_empty(ax, "no rows" if cells.empty else "no values")
        style: dict[str, Any] = {"cmap": SEQUENTIAL_CMAP, "aspect": "auto"}
        if "norm" not in kwargs:
            # The others together are no product: they do not set the scale.
            named = to_float_array(cells.drop(index=others, columns=others, errors="ignore"))
            low, style["vmax"] = color_limits(named)
            style["vmin"] = min(0.0, low)
        shades = ax.imshow(
            to_float_array(cells), **merge_artist_kwargs(style, kwargs, "image.AxesImage")
        )
        write_cells(ax, cells, metric_unit(metric), shades)
        ax.set_xticks(
            range(cells.shape[1]), short_labels(cells.columns.tolist()), rotation=40, ha="right",
            rotation_mode="anchor",
        )  # fmt: skip
        ax.set_yticks(range(cells.shape[0]), short_labels(cells.index.tolist()))
        ax.set_xlabel("purchased")
        ax.set_ylabel("advertised")
        _dress_cells(ax)
        color_bar(ax, shades, axis_title(data, metric), metric_unit(metric))
        return ax


def calendar(
    data: pd.DataFrame, metric: str = "cost", *, ax: Axes | None = None, **kwargs: Any
) -> Axes:
    """The days as a calendar, the darker the more.

    Parameters
    ----------
    data : pandas.DataFrame
        With daily rows. Days without rows are blank.
    metric : str
        A metric or key figure.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure's by default.
    **kwargs
        To `matplotlib.axes.Axes.imshow`.

    Returns
    -------
    matplotlib.axes.Axes
        A row a week, Monday first; from 15 weeks on a column a week.

    Raises
    ------
    InvalidRequest
        When the frame cannot give the metric; says which `metrics=` would.
    """
    wall = calendar_data(data, metric)
    with ensure_axes(ax) as ax:
        if wall.isna().all(axis=None):
            return draw_empty(ax, "no rows" if wall.empty else "no values")
        long = len(wall) > _WALL_WEEKS
        cells = wall.T if long else wall
        style: dict[str, Any] = {"cmap": SEQUENTIAL_CMAP, "aspect": "auto"}
        if "norm" not in kwargs:
            style["vmin"], style["vmax"] = color_limits(to_float_array(wall))
        shades = ax.imshow(
            to_float_array(cells), **merge_artist_kwargs(style, kwargs, "image.AxesImage")
        )
        ax.set_facecolor(_NO_DAY)
        if not long:
            write_cells(ax, cells, metric_unit(metric), shades)
        _name_weeks(ax, wall, long=long)
        _dress_cells(ax)
        _hatch(ax, data, metric, wall, long=long)
        color_bar(ax, shades, axis_title(data, metric), metric_unit(metric))
        return ax


def coverage(data: pd.DataFrame | ReportCache, *, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """Which days of which reports are stored, final or not, and which are missing.

    Parameters
    ----------
    data : pandas.DataFrame or ReportCache
        What `ReportCache.coverage` gives; or a store, whose coverage it is then.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure's by default.
    **kwargs
        To `matplotlib.axes.Axes.imshow`.

    Returns
    -------
    matplotlib.axes.Axes
        A row a report and tactic, a column a day.

    Raises
    ------
    InvalidRequest
        When the frame is not one of `ReportCache.coverage`.
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.dates import date2num

    shown = coverage_matrix(data)
    lines, days = shown.states.shape
    with ensure_axes(ax, height=1.4 + _LINE * lines) as ax:
        if shown.states.empty:
            return draw_empty(ax)
        left = date2num(shown.states.columns[0]) - 0.5  # type: ignore[no-untyped-call]
        style: dict[str, Any] = {"aspect": "auto", "interpolation": "nearest"}
        style["extent"] = (left, left + days, lines - 0.5, -0.5)
        if "norm" not in kwargs:
            style |= {"vmin": -0.5, "vmax": len(COVERAGE_STATES) - 0.5}
        style["cmap"] = ListedColormap([colour for colour, _ in _STANDINGS.values()])
        shades = ax.imshow(
            to_float_array(shown.states), **merge_artist_kwargs(style, kwargs, "image.AxesImage")
        )
        ax.xaxis_date()
        format_date_axis(ax)
        size = "small" if lines <= _FEW_LINES else "x-small"
        ax.set_yticks(range(lines), shown.names, fontsize=size, parse_math=False)
        _dress_cells(ax)
        _part(ax, left, days, lines)
        for line in shown.firsts:
            ax.axhline(line - 0.5, color=CAPTION_COLOR, linewidth=1)
        _mark_due(ax, shown.due, left, gap=0.2 if days <= _FEW_DAYS else 0.0)
        _explain(ax, shown.states, shades)
        return ax


def _part(ax: Axes, left: float, days: int, lines: int) -> None:
    """Gaps between the lines; between the days, too, where there is room."""
    if days == 1:
        ax.set_xlim(left - 1, left + 2)
    ax.set_yticks(np.arange(lines + 1) - 0.5, minor=True)
    if days <= _FEW_DAYS:
        ax.set_xticks(left + np.arange(days + 1), minor=True)
    ax.grid(which="minor", color=ax.get_facecolor(), linewidth=1.5)
    ax.tick_params(which="minor", length=0)


def _mark_due(ax: Axes, due: pd.DataFrame, left: float, gap: float) -> None:
    """A line through each run of days that are due."""
    edges = np.diff(due.to_numpy("int8"), axis=1, prepend=0, append=0)
    lines, begins = np.nonzero(edges > 0)
    ends = np.nonzero(edges < 0)[1]
    if len(lines):
        ax.hlines(
            lines, left + begins + gap, left + ends - gap, color="black", linewidth=1.2,
            label="due: to be fetched",
        )  # fmt: skip


def _explain(ax: Axes, states: pd.DataFrame, shades: AxesImage) -> None:
    """What the colours that occur mean, and the line through them."""
    from matplotlib.patches import Patch

    occurring = np.unique(to_float_array(states))
    handles: list[Artist] = []
    for code, (state, (_, words)) in enumerate(_STANDINGS.items()):
        if code in occurring:
            colour: Any = shades.to_rgba(np.array(code))
            handles.append(Patch(color=colour, label=f"{state}: {words}"))
    color_legend(ax, [*handles, *ax.collections])


def _name_weeks(ax: Axes, wall: pd.DataFrame, *, long: bool) -> None:
    """Weeks by their Mondays, as many as there is room for."""
    mondays = [f"{monday:%b} {monday.day}" for monday in wall.index]
    step = -(-len(mondays) // _WALL_WEEKS)
    of_weeks, of_days = (ax.xaxis, ax.yaxis) if long else (ax.yaxis, ax.xaxis)
    of_weeks.set_ticks(range(0, len(mondays), step), mondays[::step])
    of_weeks.set_label_text("week of")
    of_days.set_ticks(range(len(wall.columns)), [str(day) for day in wall.columns])
    if long:
        ax.tick_params(axis="x", labelrotation=60)


def _hatch(ax: Axes, data: pd.DataFrame, metric: str, wall: pd.DataFrame, *, long: bool) -> None:
    """Mark the days whose numbers are still arriving."""
    from matplotlib.patches import Rectangle

    first = _changing_from(data, ARRIVING if _is_late(metric) else TRAFFIC)
    if first is None:
        return
    days = wall.index.to_numpy()[:, None] + np.arange(7) * np.timedelta64(1, "D")
    young = np.argwhere((days >= first.to_numpy()) & wall.notna().to_numpy())
    for week, day in young:
        x, y = (week, day) if long else (day, week)
        corner = (x - 0.5, y - 0.5)
        ax.add_artist(
            Rectangle(corner, 1, 1, fill=False, hatch="//", edgecolor=(1, 1, 1, 0.45), linewidth=0)
        )
    if len(young):
        add_caption(ax, "hatched: still changing")


def _lighten(ax: Axes, data: pd.DataFrame, metric: str, days: pd.DatetimeIndex) -> None:
    """Veil what may still be restated, more what is still arriving, and say so."""
    veils = [(TRAFFIC, "lighter: may still be restated", 0.5)]
    if _is_late(metric):
        veils = [
            (RESTATABLE, "lighter: may still be restated", 0.3),
            (ARRIVING, "lightest: orders still arriving", 0.35),
        ]
    ends = _last_days(days, frame_metadata(data).get("freq"))
    told = []
    for key, words, alpha in veils:
        first = _changing_from(data, key)
        begin = len(days) if first is None else int(ends.searchsorted(first))
        if begin < len(days):
            _veil(ax, days, begin, alpha)
            told.append(words)
    if told:
        add_caption(ax, "; ".join(told))


def _veil(ax: Axes, days: pd.DatetimeIndex, begin: int, alpha: float) -> None:
    """A thin sheet of the background over all points from one on; no limit moves."""
    from matplotlib.dates import date2num
    from matplotlib.patches import Rectangle

    points = date2num(days)  # type: ignore[no-untyped-call]
    left = points[0] - 1e3 if begin == 0 else (points[begin - 1] + points[begin]) / 2
    ax.add_artist(
        Rectangle(
            (left, 0), 1e6, 1, transform=ax.get_xaxis_transform(), zorder=2.5,
            facecolor=ax.get_facecolor(), alpha=alpha, linewidth=0,
        )
    )  # fmt: skip


def _is_late(metric: str) -> bool:
    """Whether conversions are in it, or may be: these arrive for weeks."""
    return is_attributed(metric) or not is_catalogued(metric)


def _changing_from(data: pd.DataFrame, key: str) -> pd.Timestamp | None:
    """The first day that a frame's notes name."""
    first = frame_metadata(data).get(key)
    return pd.Timestamp(first) if first else None


def _mark_endless(ax: Axes, endless: pd.DataFrame, metric: str, n: int) -> None:
    """At the upper edge, days with something to divide and nothing to divide by."""
    for place, column in enumerate(endless):
        days = endless.index[endless[column]]
        colour = _line_style(place, is_rest=place == n)["color"]
        ax.scatter(
            days, [0.985] * len(days), marker="^", s=18, color=colour, zorder=3,
            transform=ax.get_xaxis_transform(),
        )  # fmt: skip
    if endless.any(axis=None):
        add_caption(ax, f"▲ {KPIS[metric].numerator} without {KPIS[metric].denominator}")


def _last_days(days: pd.DatetimeIndex, freq: str | None) -> pd.DatetimeIndex:
    """The last day of each period: pandas names some by their first day, some by their last."""
    if freq is None:
        return days
    offset = pd.tseries.frequencies.to_offset(freq)
    named_by_end = {"W", "ME", "QE", "YE", "BME", "BQE", "BYE"}
    if offset is None or offset.rule_code.partition("-")[0] in named_by_end:
        return days
    return pd.DatetimeIndex(days + offset - pd.Timedelta(days=1))


def _line_style(place: int, *, is_rest: bool) -> dict[str, Any]:
    """Colours first, then the same colours dashed and dotted."""
    colour = OTHER_COLOR if is_rest else PALETTE[place % len(PALETTE)]
    dashes = "-" if is_rest else ("-", "--", ":")[place // len(PALETTE) % 3]
    return {"color": colour, "linestyle": dashes, "marker": "o", "markersize": 3}


def _hues(ax: Axes, data: pd.DataFrame, hue: str, table: pd.DataFrame) -> list[Any]:
    """A colour for each bar, explained beside the axes; grey where the value is missing."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    values = to_float_array(table[hue])
    shades = ScalarMappable(Normalize(*color_limits(values)), colormaps["viridis"])
    color_bar(ax, shades, axis_title(data, hue), metric_unit(hue))
    return [OTHER_COLOR if value != value else shades.to_rgba(value) for value in values]


def _dots(ax: Axes, data: pd.DataFrame, metric: str, table: pd.DataFrame) -> None:
    """Another metric on an axis of its own above the bars."""
    above = ax.twiny()
    values = to_float_array(table[metric])
    high = _robust_limit(values)
    above.scatter(
        np.minimum(values, high), range(len(table)), color=PALETTE[3], edgecolor="white", zorder=3
    )
    for place in np.flatnonzero(values > high):
        above.annotate(
            f"{format_number(values[place], metric_unit(metric))} ▸", (high, place), xytext=(-6, 0),
            textcoords="offset points", ha="right", va="center", fontsize="x-small",
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "linewidth": 0},
        )  # fmt: skip
    above.margins(x=0.14)
    if np.nanmin(values, initial=0.0) >= 0:
        above.set_xlim(left=0)
    above.set_xlabel(f"● {axis_title(data, metric)}", color=PALETTE[3])
    above.tick_params(axis="x", colors=PALETTE[3])
    format_number_axis(above.xaxis, metric_unit(metric))
    above.spines[["right", "left", "bottom"]].set_visible(False)
    above.spines["top"].set_color(PALETTE[3])


def _robust_limit(values: Any) -> float:
    """Where to cut a scale that one value alone would stretch beyond all others."""
    known = np.sort(values[~np.isnan(values)])
    if len(known) > 2 and known[-1] > _ALONE * known[-2] > 0:
        return float(1.5 * known[-2])
    return float("inf")


def _targets(
    acos: float | Sequence[float] | None, roas: float | Sequence[float] | None, metric: str
) -> dict[str, float]:
    """What to call each target, and its sales for one unit of cost."""
    targets = {}
    for name, given in (("acos", acos), ("roas", roas)):
        for value in [] if given is None else [given] if isinstance(given, int | float) else given:
            if not isinstance(value, int | float) or not 0 < value < _ABSURD:
                raise InvalidRequest(
                    f"{name}={given!r}: a target is a number above 0; ACOS a fraction, 0.25 for 25%"
                )
            told = f"{KPIS[name].label} {format_number(float(value), KPIS[name].unit)}"
            targets[told] = float(1 / value if name == "acos" else value)
    if targets and metric_unit(metric) != "currency":
        raise InvalidRequest(f"acos= and roas= are targets of money, and {metric} is none")
    return targets


def _nice_targets(costs: Any, returns: Any) -> dict[str, float]:
    """Up to three round values of ROAS amid those that there are."""
    ratios = returns[costs > 0] / costs[costs > 0]
    if not len(ratios):
        return {}
    near = sorted(_NICE_ROAS, key=lambda nice: abs(np.log(nice / max(np.median(ratios), 0.1))))
    return {f"ROAS {value:g}": float(value) for value in sorted(near[:3])}


def _target_lines(ax: Axes, targets: dict[str, float]) -> None:
    """Lines from nothing for nothing, named near their ends."""
    right, high = ax.get_xlim()[1], ax.get_ylim()[1]
    for name, slope in targets.items():
        end = min(right, high / slope)
        spots = np.linspace(0, end, 50)
        ax.plot(spots, slope * spots, color=OTHER_COLOR, linewidth=0.8, linestyle="--", zorder=0.5)
        ax.annotate(
            name, (0.97 * end, 0.97 * slope * end), ha="center", va="center",
            fontsize="x-small", color=CAPTION_COLOR, zorder=0.6,
            bbox={"boxstyle": "square,pad=0.1", "facecolor": ax.get_facecolor(), "linewidth": 0},
        )  # fmt: skip
    ax.set_xlim(0, right)
    ax.set_ylim(0, high)


def _name_bubbles(ax: Axes, bubbles: PathCollection, names: Sequence[str]) -> None:
    """Names beside the first bubbles, where there is room for them."""
    from matplotlib.transforms import Bbox

    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # only then is it known where things are
    spots: Any = bubbles.get_offsets()
    radii = np.sqrt(np.broadcast_to(bubbles.get_sizes(), len(spots))) / 2
    points = figure.dpi / 72
    taken = [
        Bbox.from_extents(x - r, y - r, x + r, y + r)
        for (x, y), r in zip(ax.transData.transform(spots), points * radii, strict=True)
    ]
    right = figure.bbox.x1 if len(figure.axes) == 1 else ax.bbox.x1
    for name, spot, radius in zip(names, spots, radii, strict=False):
        for gap, side in product((2, 9), _SIDES):
            text = _beside(ax, name, spot, radius + gap, side)
            box = text.get_window_extent()
            inside = ax.bbox.x0 <= box.x0 and box.x1 <= right and ax.bbox.y0 <= box.y0
            if inside and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
            text.remove()


def _beside(
    ax: Axes, name: str, spot: Any, distance: float, side: tuple[int, int, str, str]
) -> Annotation:
    x, y, ha, va = side
    text = ax.annotate(
        name, spot, xytext=(x * distance, y * distance), textcoords="offset points", ha=ha, va=va,
        fontsize="x-small",
    )  # fmt: skip
    set_font_fallback(text)
    return text


def _rate(funnel_data: dict[str, float], before: str, after: str) -> str:
    """How much of a stage reaches the next; a click may be followed by several page views."""
    share = funnel_data[after] / funnel_data[before] if funnel_data[before] else float("nan")
    if share != share:
        return "↓ –"
    told = f"{format_number(share, 'fraction')} of" if share <= 1 else f"{format_number(share)} ×"
    return f"↓ {told} {STAGES[before]}"


def _dress_cells(ax: Axes) -> None:
    style_axes(ax)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)

"""The figure `funnel`: from impressions to orders, as bars."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.patches import Patch

from sdanalytics.analysis.kpi_definitions import required_metrics
from sdanalytics.analysis.results import add_conversions
from sdanalytics.errors import InvalidRequest
from sdanalytics.plots.colors import caption_color, main_color
from sdanalytics.plots.data_captions import caption_data
from sdanalytics.plots.number_format import format_number
from sdanalytics.plots.plot_data import FloatArray, prepare
from sdanalytics.plots.style import (
    Style,
    draw_empty,
    ensure_axes,
    merge_artist_kwargs,
    style_axes,
)
from sdanalytics.plots.titles import TitleLike, add_title

STAGES: Final = {
    "impressions": "impressions",
    "viewImpressions": "viewable impressions",
    "clicks": "clicks",
    "page_views": "detail page views",
    "orders": "orders",
}
"""The stages in order, and their labels. Page views and orders are attributed by cost type."""
MIN_STAGES: Final = 2
_MIN_SCALE_END: Final = 10.0
_RATE_STYLE: Final[Style] = {
    "va": "center",
    "fontsize": "small",
}
_RATE_LEFT: Final = 0.012
"""The position of the rates, as a share of the axes."""


def funnel(
    data: pd.DataFrame, *, title: TitleLike = None, ax: Axes | None = None, **kwargs: Any
) -> Axes:
    """Draw the stages from impressions to orders, with the rate from each stage to the next.

    Parameters
    ----------
    data : pandas.DataFrame
        All its rows are drawn together. Stages are left out if it lacks their columns.
    title : str or bool, optional
        A title; by default what, when and whom. False: none.
    ax : matplotlib.axes.Axes, optional
        The axes to draw in; those of a new figure by default.
    **kwargs
        Passed to `matplotlib.axes.Axes.barh`.

    Returns
    -------
    matplotlib.axes.Axes
        The axes with the bars, on a logarithmic scale: each stage is a small part of the one
        before.

    Raises
    ------
    InvalidRequest
        When the frame has fewer than two stages; the message says which `metrics=` to fetch.
    """
    counts = funnel_data(data)
    totals = np.array(list(counts.values()))
    with ensure_axes(ax) as ax:
        if np.isnan(totals).all():
            return draw_empty(ax, data)
        bars = _draw_stages(ax, totals, kwargs)
        _write_counts(ax, bars, totals)
        _write_rates(ax, counts)
        _format_funnel_axes(ax, counts)
        caption_data(ax, data, counts)
        add_title(ax, title, data, "from impressions to orders")
        return ax


def funnel_data(data: pd.DataFrame) -> dict[str, float]:
    """Sum each stage that the frame has; NaN where all values are missing."""
    rows = add_conversions(prepare(data, list(STAGES)))
    counts = {}
    for stage in STAGES:
        if stage in rows:
            counts[stage] = _sum_known(rows[stage])
    if len(counts) < MIN_STAGES:
        columns = _required_columns()
        raise InvalidRequest(f"a funnel needs at least two stages; fetch with metrics={columns!r}")
    return counts


def _sum_known(values: pd.Series[Any]) -> float:
    total = values.sum(min_count=1)
    if pd.isna(total):
        return math.nan
    return float(total)


def _required_columns() -> list[str]:
    columns: list[str] = []
    for stage in STAGES:
        columns += required_metrics(stage)
    return list(dict.fromkeys(columns))


def _draw_stages(ax: Axes, totals: FloatArray, kwargs: Style) -> BarContainer:
    """Draw a bar a stage on a logarithmic scale, where 0 and missing values are as short as 1."""
    widths = np.nan_to_num(totals)
    widths = np.maximum(widths, 1.0)
    style = {"color": main_color(ax), "height": 0.5}
    bar_kwargs = merge_artist_kwargs(style, kwargs, Patch)
    rows = range(len(widths))
    bars = ax.barh(rows, widths, **bar_kwargs)
    ax.set_xscale("log")
    longest = max(widths.max(), _MIN_SCALE_END)
    ax.set_xlim(1, longest**1.15)
    return bars


def _write_counts(ax: Axes, bars: BarContainer, totals: FloatArray) -> None:
    labels = [_format_count(total) for total in totals]
    ax.bar_label(bars, labels=labels, padding=4)


def _format_count(count: float) -> str:
    if math.isnan(count):
        return "missing"
    return f"{count:,.0f}"


def _write_rates(ax: Axes, counts: Mapping[str, float]) -> None:
    """Write between the bars how much of a stage reaches the next."""
    transform = ax.get_yaxis_transform()
    for row, (stage, next_stage) in enumerate(pairwise(counts)):
        rate = _stage_rate(counts[stage], counts[next_stage])
        text = _describe_rate(rate, STAGES[stage])
        ax.text(
            _RATE_LEFT,
            row + 0.5,
            f"↓ {text}",
            transform=transform,
            color=caption_color(ax),
            **_RATE_STYLE,
        )


def _stage_rate(count: float, next_count: float) -> float:
    if not count:
        return math.nan
    return next_count / count


def _describe_rate(rate: float, stage_label: str) -> str:
    """Format a rate as a share, or as a multiple: a click may lead to several page views."""
    if math.isnan(rate):
        return "–"
    if rate <= 1:
        share = format_number(rate, "fraction")
        return f"{share} of {stage_label}"
    multiple = format_number(rate)
    return f"{multiple} × {stage_label}"


def _format_funnel_axes(ax: Axes, counts: Mapping[str, float]) -> None:
    rows = range(len(counts))
    labels = [STAGES[stage] for stage in counts]
    ax.set_yticks(rows, labels)
    ax.invert_yaxis()
    ax.set_xlabel("count (logarithmic)")
    style_axes(ax)
    ax.tick_params(axis="y", length=0)
    ax.minorticks_off()

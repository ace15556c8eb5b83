"""Words of a trend: its title, its notes, and why there is nothing to draw."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from sdanalytics.plots.expected_lines import caption_expected, has_bands
from sdanalytics.plots.groups import word_groups
from sdanalytics.plots.metric_labels import metric_label, word_undefined
from sdanalytics.plots.moving_windows import is_averaged
from sdanalytics.plots.name_labels import Labels
from sdanalytics.plots.restatement import can_change, caption_point_ages
from sdanalytics.plots.style import word_empty
from sdanalytics.plots.surroundings import add_caption
from sdanalytics.plots.trend_data import TrendData


class TrendDrawing(NamedTuple):
    """How a trend was drawn.

    Attributes
    ----------
    labels : Labels
        The names of the lines.
    kind : {"lines", "panels", "bars"}
    are_cut : bool
        Whether some values are beyond the axis.
    """

    labels: Labels
    kind: Literal["lines", "panels", "bars"]
    are_cut: bool = False


def word_subject(metric: str, by: str | None, smooth: int | None) -> str:
    """Return what a trend shows, such as "ACOS (7 days) by campaign"."""
    subject = metric_label(metric)
    if smooth is not None:
        days = f"{smooth} days"
        if is_averaged(metric):
            days = f"{smooth}-day average"
        subject = f"{subject} ({days})"
    if by is None:
        return subject
    return f"{subject} by {word_groups(by)}"


def find_nothing(
    data: pd.DataFrame, lines: TrendData, metric: str, smooth: int | None
) -> str | None:
    """Return why there is nothing to draw; None if there is something."""
    values = lines.list_values()
    known = values[np.isfinite(values)]
    undefined = lines.undefined_ratio
    has_undefined = undefined is not None and bool(undefined.any(axis=None))
    label = metric_label(metric)
    if not len(known):
        if has_undefined:
            return f"no {label}: {word_undefined(metric)}"
        if smooth is not None and 0 < data["date"].nunique() < smooth:
            return f"fewer than {smooth} days"
        return word_empty(data, metric)
    if known.any() or has_undefined:
        return None
    if lines.is_single_day:
        return f"{label} is 0"
    return f"{label} is 0 on all days"


def caption_trend(
    ax: Axes,
    lines: TrendData,
    metric: str,
    by: str | None,
    smooth: int | None,
    drawing: TrendDrawing,
) -> None:
    """Say below a trend what a reader must know about its lines."""
    if drawing.kind == "panels":
        add_caption(ax, f"{ax.get_ylabel()}, one scale for all")
    if by is not None:
        _caption_groups(ax, lines, by, drawing.labels)
    if smooth is not None:
        what = "average" if is_averaged(metric) else "ratio of the sums"
        add_caption(
            ax,
            f"each point: {what} of the {smooth} days up to it",
        )
    if lines.final is not None:
        _caption_final(ax, lines, drawing)
    elif can_change(metric):
        caption_point_ages(
            ax,
            lines.ages,
            "hollow" if drawing.kind == "bars" else "dashed",
        )
    if lines.is_part.any():
        add_caption(ax, "hollow: not all days")
    undefined = lines.undefined_ratio
    if drawing.kind != "bars" and undefined is not None and undefined.any(axis=None):
        add_caption(ax, f"▲ {word_undefined(metric)}")
    if drawing.are_cut:
        add_caption(ax, "beyond the scale: values with ↑")


def _caption_groups(ax: Axes, lines: TrendData, by: str, labels: Labels) -> None:
    """Say how many groups have a line, and what their names share."""
    if lines.share is not None:
        add_caption(ax, lines.share.describe(word_groups(by)))
    shared = labels.describe_shared()
    if shared is not None:
        add_caption(ax, shared)


def _caption_final(ax: Axes, lines: TrendData, drawing: TrendDrawing) -> None:
    assert lines.final is not None
    are_banded = drawing.kind == "panels" or has_bands(lines.final)
    if drawing.kind == "bars":
        add_caption(
            ax,
            "point: expected when final, with its 80% interval",
        )
    else:
        caption_expected(
            ax,
            lines.final,
            are_banded=are_banded,
        )

"""Captions of figures about the data: results counted by two models, rows without a cost type."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd
from matplotlib.axes import Axes

from sdanalytics.analysis.attribution_break import counts_all_views, find_broken_metrics
from sdanalytics.analysis.cost_types import (
    describe_missing_cost_types,
    word_missing_cost_types,
)
from sdanalytics.analysis.totals import drop_total_row
from sdanalytics.model.view_attribution import VIEW_ATTRIBUTION_CHANGED
from sdanalytics.plots.surroundings import add_caption


def caption_data(ax: Axes, data: pd.DataFrame, metrics: Collection[str]) -> None:
    """Say below a figure what a reader must know about the data behind its metrics.

    Results of vCPM campaigns that are counted by two models, or by one throughout, and rows that
    count by click because their cost type is not known.
    """
    if find_broken_metrics(data, metrics):
        add_caption(ax, f"view attribution changed on {VIEW_ATTRIBUTION_CHANGED}")
    if counts_all_views(data, metrics):
        add_caption(ax, f"all views: counted alike before and after {VIEW_ATTRIBUTION_CHANGED}")
    note = describe_missing_cost_types(drop_total_row(data), metrics)
    if note is not None:
        add_caption(ax, f"{word_missing_cost_types(note)}: counted by click")

"""The caption of figures across the day on which Amazon changed the attribution of views."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
from matplotlib.axes import Axes

from sdanalytics.analysis.attribution_break import find_broken_metrics
from sdanalytics.model.view_attribution import VIEW_ATTRIBUTION_CHANGED
from sdanalytics.plots.style import add_caption


def caption_broken_metrics(ax: Axes, data: pd.DataFrame, metrics: Iterable[str]) -> None:
    """Say that the results of vCPM campaigns are counted by two models, where they are."""
    if find_broken_metrics(data, metrics):
        add_caption(ax, f"view attribution changed on {VIEW_ATTRIBUTION_CHANGED}")

"""Marking the days that Amazon may still restate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from sdanalytics.analysis.buckets import is_named_by_last_day
from sdanalytics.analysis.kpi_definitions import is_attributed, is_catalogued, remove_suffix
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.analysis.row_groups import BoolArray
from sdanalytics.model.metrics import NON_ADDITIVE
from sdanalytics.plots.surroundings import add_caption
from sdanalytics.plots.titles import word_interval

RESTATABLE_FROM: Final = "restatable_from"
"""A key of the frame's metadata: the first day that may still change."""
TRAFFIC_RESTATABLE_FROM: Final = "traffic_restatable_from"
"""The first day with impressions, clicks and cost that may still change."""
CONVERSIONS_ARRIVING_FROM: Final = "arriving_from"
"""The first day with incomplete conversions."""

AGES_UNKNOWN: Final = "restatable days are not known"


@dataclass(frozen=True)
class PointAges:
    """Changes that may still come to the points of a line.

    Attributes
    ----------
    is_arriving : numpy.ndarray of bool
        By point: whether conversions still arrive.
    restatable_from : pandas.Timestamp or None
        The first shown day that may still be restated.
    is_all_restatable : bool
        Whether these are all shown days.
    """

    is_arriving: BoolArray
    restatable_from: pd.Timestamp | None
    is_all_restatable: bool


def can_change(metric: str) -> bool:
    """Return whether values of a metric may change later.

    Those of a state, such as a budget, are as they were; what is expected is final.
    """
    is_final = remove_suffix(metric) != metric
    return metric not in NON_ADDITIVE and not is_final


def find_point_ages(data: pd.DataFrame, metric: str, days: pd.DatetimeIndex) -> PointAges | None:
    """Return what may still change of a metric by day; None if the frame does not tell.

    Parameters
    ----------
    data : pandas.DataFrame
        Its metadata tell since when days may change.
    metric : str
    days : pandas.DatetimeIndex
        Of the points: days, or the days that name longer periods.
    """
    if not knows_ages(data):
        return None
    last_days = _last_days(days, frame_metadata(data).get("freq"))
    is_conversion = is_conversion_metric(metric)
    is_arriving = np.zeros(len(days), dtype=bool)
    first_arriving = _metadata_day(data, CONVERSIONS_ARRIVING_FROM)
    if is_conversion and first_arriving is not None:
        is_arriving = np.asarray(last_days >= first_arriving)
    first = _metadata_day(
        data,
        RESTATABLE_FROM if is_conversion else TRAFFIC_RESTATABLE_FROM,
    )
    is_open = np.zeros(len(days), dtype=bool)
    if first is not None:
        is_open = np.asarray(last_days >= first)
    return PointAges(
        is_arriving=is_arriving,
        restatable_from=first if is_open.any() else None,
        is_all_restatable=bool(is_open.all()),
    )


def caption_point_ages(ax: Axes, ages: PointAges | None, mark: str) -> None:
    """Say what may still change, and how the points that still grow are marked.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    ages : PointAges or None
        None: it is said that it is not known.
    mark : str
        Such as "dashed".
    """
    if ages is None:
        add_caption(ax, AGES_UNKNOWN)
        return
    if ages.is_arriving.any():
        add_caption(ax, f"{mark}: orders still arriving")
    first = ages.restatable_from
    if first is None:
        return
    if ages.is_all_restatable:
        add_caption(ax, "all days may still be restated")
    else:
        add_caption(
            ax,
            f"may still be restated: from {word_interval(first, first)} on",
        )


def find_first_open_day(data: pd.DataFrame, metric: str) -> pd.Timestamp | None:
    """Return the first day on which a metric is incomplete or may be restated; None if unknown.

    For results it is the first with conversions that are still arriving: these matter most.
    """
    if not can_change(metric):
        return None
    is_of_conversions = is_conversion_metric(metric)
    key = CONVERSIONS_ARRIVING_FROM if is_of_conversions else TRAFFIC_RESTATABLE_FROM
    return _metadata_day(data, key)


def knows_ages(data: pd.DataFrame) -> bool:
    """Return whether the metadata is there, which `concat`, `merge` and CSV drop."""
    return RESTATABLE_FROM in frame_metadata(data)


def is_conversion_metric(metric: str) -> bool:
    """Return whether a metric is made of conversions, or may be: these arrive for weeks."""
    return is_attributed(metric) or not is_catalogued(metric)


def _metadata_day(data: pd.DataFrame, key: str) -> pd.Timestamp | None:
    metadata = frame_metadata(data)
    day = metadata.get(key)
    if day:
        return pd.Timestamp(day)
    return None


def _last_days(days: pd.DatetimeIndex, freq: str | None) -> pd.DatetimeIndex:
    """Return the last day of each period of a frequency."""
    if freq is None:
        return days
    offset = pd.tseries.frequencies.to_offset(freq)
    if offset is None:
        return days
    if is_named_by_last_day(freq):
        return days
    next_periods = days + offset
    return pd.DatetimeIndex(next_periods - pd.Timedelta(days=1))

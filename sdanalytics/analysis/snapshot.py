"""Snapshots: the days of a store as they are known now, by campaign."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sdanalytics.analysis.cost_types import read_cost_types
from sdanalytics.analysis.group_summary import summarize_rows
from sdanalytics.analysis.steps import Array
from sdanalytics.analysis.vintages import (
    FINAL_AGE,
    find_groups,
    find_positions,
    list_curve_metrics,
    select_complete_versions,
)


@dataclass(frozen=True)
class Snapshot:
    """The days of a store as they are known now.

    Attributes
    ----------
    groups : pandas.DataFrame
        The keys of each group.
    metrics : tuple of str
    group : numpy.ndarray of int, shape (units,)
        The group of each unit: a campaign of a cost type.
    is_vcpm : numpy.ndarray of bool, shape (units,)
    age, weekday : numpy.ndarray of int, shape (days,)
    numbers : numpy.ndarray of float, shape (metrics, units, days)
    exposure : numpy.ndarray of float, shape (units, days)
        Clicks; of vCPM campaigns, viewable impressions.
    """

    groups: pd.DataFrame
    metrics: tuple[str, ...]
    group: Array
    is_vcpm: Array
    age: Array
    weekday: Array
    numbers: Array
    exposure: Array


def collect_snapshot(history: pd.DataFrame, by: Sequence[str]) -> Snapshot:
    """Collect the current versions of the last 60 days.

    Parameters
    ----------
    history : pandas.DataFrame
        As `ReportCache.history` returns it.
    by : sequence of str
        The columns whose values make groups.
    """
    ended = select_complete_versions(history)
    earliest = ended["date"].max() - pd.Timedelta(days=FINAL_AGE)
    ended = ended[ended["date"] > earliest]
    newest = ended.groupby("date")["age"].transform("max")
    unit_keys = list(dict.fromkeys([*by, "costType", "campaignId"]))
    current = ended[ended["age"] == newest]
    sums = summarize_rows(current, [*unit_keys, "date", "age"], with_labels=False)
    units = find_groups(sums, unit_keys)
    days = find_groups(sums, ["date", "age"])
    unit = find_positions(sums, units)
    day = find_positions(sums, days)
    metrics = list_curve_metrics(sums)
    numbers = np.zeros((len(metrics), len(units), len(days)))
    for position, name in enumerate(metrics):
        numbers[position, unit, day] = _read_numbers(sums, name)
    is_vcpm = read_cost_types(sums).is_vcpm
    exposure = np.zeros((len(units), len(days)))
    clicks = _read_numbers(sums, "clicks")
    exposure[unit, day] = np.where(is_vcpm, _read_numbers(sums, "viewImpressions"), clicks)
    groups = find_groups(units, by)
    return Snapshot(
        groups=groups,
        metrics=metrics,
        group=find_positions(units, groups),
        is_vcpm=read_cost_types(units).is_vcpm,
        age=days["age"].to_numpy(dtype=int),
        weekday=days["date"].dt.day_of_week.to_numpy(dtype=int),
        numbers=numbers,
        exposure=exposure,
    )


def _read_numbers(sums: pd.DataFrame, name: str) -> Array:
    if name not in sums:
        return np.zeros(len(sums))
    numbers: Array = sums[name].to_numpy(dtype=float, na_value=0.0)
    return numbers

"""Vintages: the numbers of days as they were known at each age."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.group_summary import summarize_rows
from sdanalytics.analysis.steps import Array

MATURITY_METRICS: Final = (
    "orders",
    "units",
    "sales",
    "ntb_orders",
    "ntb_sales",
    "page_views",
    "clicks",
    "impressions",
    "cost",
)
"""The metrics that curves are of."""
FINAL_AGE: Final = 60
"""Days after which Amazon changes nothing any more (`sdanalytics.store.freshness`)."""


@dataclass(frozen=True)
class Vintages:
    """The numbers of days as they were known at each age.

    Attributes
    ----------
    groups : pandas.DataFrame
        The keys of each group.
    metrics : tuple of str
    days : numpy.ndarray of datetime64
        In the order of the calendar.
    day, age : numpy.ndarray of int, shape (versions,)
        The position of the day of each version, and its age; sorted by both.
    numbers : numpy.ndarray of float, shape (groups, metrics, versions)
    """

    groups: pd.DataFrame
    metrics: tuple[str, ...]
    days: Array
    day: Array
    age: Array
    numbers: Array


def collect_vintages(history: pd.DataFrame, by: Sequence[str]) -> Vintages:
    """Collect the versions of days by age.

    A version counts if it has all tactics of its day: of an age with several, the last. Versions
    of days that had not ended are left out.

    Parameters
    ----------
    history : pandas.DataFrame
        As `ReportCache.history` returns it.
    by : sequence of str
        The columns whose values make groups.
    """
    complete = select_complete_versions(history)
    sums = summarize_rows(complete, [*by, "date", "age"], with_labels=False)
    metrics = list_curve_metrics(sums)
    versions = find_groups(sums, ["date", "age"])
    days, day = np.unique(versions["date"], return_inverse=True)
    groups = find_groups(sums, by)
    group = find_positions(sums, groups)
    version = find_positions(sums, versions)
    shape = len(groups), len(metrics), len(versions)
    numbers = np.zeros(shape)
    for position, name in enumerate(metrics):
        values = sums[name].to_numpy(dtype=float, na_value=0.0)
        numbers[group, position, version] = values
    age = versions["age"].to_numpy(dtype=int)
    return Vintages(groups, metrics, days, day, age, numbers)


def list_curve_metrics(sums: pd.DataFrame) -> tuple[str, ...]:
    """Return the metrics of curves that a frame has values of."""
    metrics = []
    for name in MATURITY_METRICS:
        if name not in sums:
            continue
        is_known = sums[name].notna()
        if is_known.any():
            metrics.append(name)
    return tuple(metrics)


def select_complete_versions(history: pd.DataFrame) -> pd.DataFrame:
    """Select the last version of each day, tactic and age, if all tactics of the day have one.

    Versions of days that had not ended are left out; all that are final have the age `FINAL_AGE`.
    """
    has_ended = history["age"] >= 0
    history = history[has_ended]
    age = history["age"].clip(upper=FINAL_AGE)
    history = history.assign(age=age)
    keys = ["date", "tactic", "age"]
    moments = [*keys, "fetched_at"]
    versions = history[moments].drop_duplicates()
    by_version = versions.groupby(keys, observed=True, as_index=False)
    last = by_version["fetched_at"].max()
    is_known = last["tactic"] != "unknown"
    known = last[is_known]
    by_day = known.groupby("date")
    tactics = by_day["tactic"].nunique()
    by_age = known.groupby(["date", "age"], as_index=False)
    at_age = by_age["tactic"].nunique()
    all_tactics = at_age["date"].map(tactics)
    is_complete = at_age["tactic"] == all_tactics
    complete = at_age.loc[is_complete, ["date", "age"]]
    chosen = last.merge(complete, on=["date", "age"])
    merged = history.merge(chosen, on=moments)
    merged.attrs = dict(history.attrs)
    return merged


def find_groups(keys: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return the groups of rows, sorted; one without columns if `by` is empty."""
    if not by:
        return pd.DataFrame(index=[0])
    names = list(by)
    groups = keys[names].drop_duplicates()
    return groups.sort_values(names, ignore_index=True)


def find_positions(keys: pd.DataFrame, groups: pd.DataFrame) -> Array:
    """Return the position of each row's keys among the groups."""
    if not len(groups.columns):
        return np.zeros(len(keys), dtype=int)
    names = list(groups.columns)
    numbers = np.arange(len(groups))
    numbered = groups.assign(position=numbers)
    found = keys[names].merge(numbered, how="left")
    positions = found["position"]
    return positions.to_numpy(dtype=int)

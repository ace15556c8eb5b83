"""The data of the figure `waterfall`: bars from one total to the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.cost_types import WITHOUT_COST_TYPE, word_missing_cost_types
from sdanalytics.analysis.explanation import EXPLAINED
from sdanalytics.analysis.factors import SHARE
from sdanalytics.analysis.kpi_definitions import is_attributed
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.analysis.row_groups import BoolArray
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.entity_names import NAME_BY_ID
from sdanalytics.model.view_attribution import VIEW_ATTRIBUTION_CHANGED
from sdanalytics.plots.groups import display_name, validate_names, word_others
from sdanalytics.plots.metric_labels import metric_label
from sdanalytics.plots.plot_data import FloatArray, to_float_array
from sdanalytics.plots.restatement import CONVERSIONS_ARRIVING_FROM

PERIODS: Final = ("period_a", "period_b")
_FACTOR: Final = "factor"
_SHARE_NAME: Final = "mix of cost types"
_CONTRIBUTION: Final = "contribution"
_REST: Final = "rest"
_ROUNDING: Final = 1e-9
"""The part of a total up to which a rest is rounding."""


@dataclass(frozen=True)
class Waterfall:
    """The bars of a waterfall from top to bottom: a total, contributions, the other total.

    Attributes
    ----------
    metric, unit : str
    names : list of str
    special_names : list of str
        Those of them that are no group's: periods, all others, the rest.
    starts, ends : numpy.ndarray of float64
        Of each bar: totals start at 0, contributions where the one before ends.
    """

    metric: str
    unit: str
    names: list[str]
    special_names: list[str]
    starts: FloatArray
    ends: FloatArray

    @property
    def levels(self) -> FloatArray:
        """The values that the contributions lead through, both totals included."""
        return self.ends[:-1]

    @property
    def is_total(self) -> BoolArray:
        """Whether each bar is a total."""
        is_total = np.zeros(len(self.names), dtype="bool")
        is_total[[0, -1]] = True
        return is_total

    @property
    def steps(self) -> FloatArray:
        """The contributions, with their signs."""
        sizes: FloatArray = self.ends - self.starts
        return sizes[1:-1]

    def shrink_totals(self) -> Waterfall:
        """Return the bars with totals of no length, for an axis without 0."""
        starts = np.where(self.is_total, self.ends, self.starts)
        return replace(self, starts=starts)


def read_waterfall(data: object, n: int, given_names: object = None) -> Waterfall:
    """Return the bars of an explanation, those after the n largest contributions as one.

    The names that a user gives are by id or name.

    Raises
    ------
    InvalidRequest
        When the data are no explanation, or have lost their metadata.
    """
    explanation = _validate_explanation(data)
    explained = frame_metadata(explanation)[EXPLAINED]
    total_a = explained["total_a"]
    total_b = explained["total_b"]
    largest = _take_largest(explanation, n)
    contributions = to_float_array(largest[_CONTRIBUTION])
    steps = contributions.tolist()
    given = validate_names(given_names)
    names = _name_rows(largest, explained["by"], given)
    special_names = []
    rest = total_b - total_a - contributions.sum()
    other_count = len(explanation) - len(largest)
    largest_total = max(abs(total_a), abs(total_b))
    if other_count:
        special_names.append(word_others(other_count))
        steps.append(rest)
    elif abs(rest) > _ROUNDING * largest_total:
        special_names.append(_REST)
        steps.append(rest)
    levels = np.cumsum([total_a, *steps])
    first, last = _name_periods(explanation)
    starts = [0.0, *levels[:-1], 0.0]
    ends = [*levels, total_b]
    return Waterfall(
        metric=explained["metric"],
        unit=explained["unit"],
        names=[first, *names, *special_names, last],
        special_names=[first, *special_names, last],
        starts=np.array(starts),
        ends=np.array(ends),
    )


def _take_largest(explanation: pd.DataFrame, n: int) -> pd.DataFrame:
    """Return the n largest contributions, whatever their sign; all, if one would be left."""
    values = to_float_array(explanation[_CONTRIBUTION])
    order = np.argsort(-np.abs(values), kind="stable")
    count = n
    if len(order) == n + 1:
        count = len(order)
    return explanation.iloc[order[:count]]


def _validate_explanation(data: object) -> pd.DataFrame:
    if not isinstance(data, pd.DataFrame) or _CONTRIBUTION not in data:
        raise InvalidRequest(
            "the data must be an explanation: waterfall(explain(df, period_a, period_b))"
        )
    if EXPLAINED not in frame_metadata(data):
        raise InvalidRequest(
            "the explanation has lost its metadata (as in pandas' concat and merge, or in CSV), "
            "which has the totals: pass the frame that explain returned"
        )
    return data


def _name_rows(rows: pd.DataFrame, keys: Sequence[str], given: Mapping[Any, Any]) -> list[str]:
    """Return the names of groups, or of factors; those that a user gives by id or name first."""
    if not keys:
        return _name_factors(rows)
    columns = []
    for key in keys:
        name = NAME_BY_ID.get(key, key)
        columns.append(name if name in rows else key)
    parts = []
    for key, column in zip(keys, columns, strict=True):
        ids = rows[key].tolist()
        texts = rows[column].tolist()
        part = []
        for own_id, text in zip(ids, texts, strict=True):
            shown = display_name(text)
            name = given.get(own_id, given.get(text, shown))
            part.append(str(name))
        parts.append(part)
    return [", ".join(words) for words in zip(*parts, strict=True)]


def _name_factors(rows: pd.DataFrame) -> list[str]:
    """Return the names of factors, with the cost type where there are two."""
    cost_types = rows["costType"]
    has_two = cost_types.nunique() > 1
    names = []
    for factor, cost_type in zip(rows[_FACTOR], cost_types, strict=True):
        name = _SHARE_NAME
        if factor != SHARE:
            name = metric_label(factor)
        if has_two and not pd.isna(cost_type):
            name = f"{name} ({metric_label(cost_type.lower())})"
        names.append(name)
    return names


def _name_periods(explanation: pd.DataFrame) -> list[str]:
    """Return the days of both periods as names, with years where they are of two."""
    metadata = frame_metadata(explanation)
    ends = []
    for name in PERIODS:
        period = metadata[name]
        first = date.fromisoformat(period["start"])
        last = date.fromisoformat(period["end"])
        ends.append((first, last))
    (first_of_all, _), (_, last_of_all) = ends
    has_years = first_of_all.year != last_of_all.year
    names = []
    for first, last in ends:
        name = _format_period(first, last, has_years=has_years)
        names.append(name)
    return names


def _format_period(first: date, last: date, *, has_years: bool) -> str:
    end = f"{last.day} {last:%b}"
    if has_years:
        end = f"{end} {last.year}"
    if first == last:
        return end
    is_same_year = first.year == last.year
    if is_same_year and first.month == last.month:
        return f"{first.day}–{end}"
    start = f"{first.day} {first:%b}"
    if not is_same_year:
        start = f"{start} {first.year}"
    return f"{start} – {end}"


def list_cautions(explanation: pd.DataFrame) -> list[str]:
    """Return what a reader must know about the data behind an explanation."""
    metadata = frame_metadata(explanation)
    explained = metadata[EXPLAINED]
    cautions = []
    if explained["is_broken"]:
        cautions.append(f"view attribution changed on {VIEW_ATTRIBUTION_CHANGED}")
    note = metadata.get(WITHOUT_COST_TYPE)
    if note is not None:
        cautions.append(f"{word_missing_cost_types(note)}: counted by click")
    if explained["is_final"]:
        cautions.append("expected final numbers")
        return cautions
    first_arriving = metadata.get(CONVERSIONS_ARRIVING_FROM)
    if first_arriving and is_attributed(explained["metric"]):
        last_days = [metadata[period]["end"] for period in PERIODS]
        if max(last_days) >= first_arriving:
            cautions.append("orders still arriving")
    return cautions


def tidy_waterfall(data: pd.DataFrame, n: int = 6, *, names: object = None) -> pd.DataFrame:
    """Return the bars of `waterfall` as a table: `name`, `start`, `end`, `is_total`."""
    bars = read_waterfall(data, n, names)
    return pd.DataFrame(
        {
            "name": bars.names,
            "start": bars.starts,
            "end": bars.ends,
            "is_total": bars.is_total,
        }
    )

"""The table behind each figure: what is drawn, before anything is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.kpi_definitions import (
    AMAZON_RATIOS,
    KPIS,
    is_additive,
    is_catalogued,
    required_metrics,
)
from sdanalytics.analysis.kpis import add_conversions
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.analysis.summarize import aggregate
from sdanalytics.analysis.totals import drop_total_row
from sdanalytics.analysis.validation import validate_columns, validate_frame
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.partition import COVERAGE_STATES, PARTITION_KEYS
from sdanalytics.plots.style import metric_label
from sdanalytics.store.cache import ReportCache

STAGES: Final = {
    "impressions": "impressions",
    "viewImpressions": "viewable impressions",
    "clicks": "clicks",
    "page_views": "detail page views",
    "orders": "orders",
}
"""The stages of the funnel, in order. Page views and orders are those that count by cost type."""

_GROUP: Final = "_group"
_OTHER_GROUP: Final = "_other_group"
_NAMELESS: Final = "(none)"
_LINE: Final = PARTITION_KEYS[:-1]
_COVERAGE_WANTED: Final = "pass what ReportCache.coverage() gives, of one store"


def ready(
    data: object, metrics: Sequence[object], by: object = None, n: object = 1
) -> pd.DataFrame:
    """The frame that a figure is drawn from, without a total row; the arguments looked at."""
    frame = drop_total_row(validate_frame(data))
    for name in metrics:
        if not isinstance(name, str) or not name:
            raise InvalidRequest(f"{name!r} is no metric: pass the name of one, such as 'cost'")
    if by is not None:
        if not isinstance(by, str):
            raise InvalidRequest(f"by={by!r} is not the name of one column")
        validate_columns(frame, [by])
    if not isinstance(n, int | np.integer) or isinstance(n, bool) or n < 1:
        raise InvalidRequest(f"n={n!r} is no number of names: a whole one above 0")
    return frame


def _coded(data: pd.DataFrame, by: str, column: str) -> tuple[pd.DataFrame, list[Any]]:
    """The frame with a number for each value of a column, and the values by number.

    Numbers, because what has no name is drawn, too, and any name may be some campaign's.
    """
    codes, values = pd.factorize(data[by], use_na_sentinel=False)
    names = [_name_of(value) for value in values.tolist()]
    return data.assign(**{column: codes}), names


def _name_of(value: Any) -> Any:
    if pd.isna(value):
        return _NAMELESS
    return f"{value:%Y-%m-%d}" if isinstance(value, datetime) else value


def by_name(data: pd.DataFrame, by: str, metrics: Sequence[str], n: int) -> pd.DataFrame:
    """The metrics of each value of a column, the largest of the first metric first."""
    data = ready(data, metrics, by, n)
    coded, names = _coded(data, by, _GROUP)
    table = aggregate(coded, metrics, _GROUP).sort_values(
        metrics[0], ascending=False, kind="stable", na_position="last"
    )
    table.index = pd.Index([names[code] for code in table[_GROUP]], dtype="object")
    return table[list(dict.fromkeys(metrics))]


def _folded(
    data: pd.DataFrame, by: str, weight: str, n: int, column: str, *, rest: bool
) -> tuple[pd.DataFrame, list[Any]]:
    """The frame with each row's place among the largest; their names, then the others'."""
    coded, names = _coded(data, by, column)
    order = aggregate(coded, [weight], column).sort_values(weight, ascending=False, kind="stable")
    ranking = order[column].tolist()
    place = {code: min(rank, n) for rank, code in enumerate(ranking)}
    placed = coded.assign(**{column: coded[column].map(place)})
    largest = [names[code] for code in ranking[:n]]
    if len(ranking) <= n:
        return placed, largest
    if not rest:
        return placed[placed[column] < n], largest
    others = len(ranking) - n
    return placed, [*largest, f"{others} others" if others > 1 else "1 other"]


def _weight(data: pd.DataFrame, metric: str) -> str:
    """What ranks the lines of a metric: itself, but of ratios the cost, or what they are of."""
    if metric not in KPIS and metric not in AMAZON_RATIOS:
        return metric
    if "cost" in data and ("currency" not in data or data["currency"].nunique() < 2):
        return "cost"
    return KPIS[metric].denominator if metric in KPIS else AMAZON_RATIOS[metric][1]


@dataclass(frozen=True)
class TrendData:
    """What a trend draws.

    Attributes
    ----------
    values : pandas.DataFrame
        A row a day, a column a line.
    endless : pandas.DataFrame or None
        Of ratios, as booleans: where there is something to divide, and nothing to divide by.
    names : list
        Of the lines.
    """

    values: pd.DataFrame
    endless: pd.DataFrame | None
    names: list[Any]


def trend_data(data: pd.DataFrame, metric: str, by: str | None, n: int) -> TrendData:
    """A metric by day, and by the largest values of a column."""
    data = ready(data, [metric], by, n)
    validate_columns(data, ["date"])
    if by == "date":
        raise InvalidRequest("a trend is over dates already: by= takes another column")
    weight = _weight(data, metric)
    names = [metric_label(metric)]
    placed = data.assign(**{_GROUP: 0})
    if by is not None:
        adds_up = is_additive(metric) or not is_catalogued(metric) or weight != metric
        placed, names = _folded(data, by, weight, n, _GROUP, rest=adds_up)
    part = KPIS[metric].numerator if metric in KPIS else metric
    long = aggregate(placed, [metric, part], ["date", _GROUP])
    values, parts = (
        _with_gaps(long.pivot(index="date", columns=_GROUP, values=name).sort_index(axis=1))
        for name in (metric, part)
    )
    endless = values.isna() & (parts > 0).fillna(False).astype("bool") if part != metric else None
    return TrendData(values, endless, names)


def _with_gaps(lines: pd.DataFrame) -> pd.DataFrame:
    """Days without rows are rows of their own, if the frame is one of days."""
    days = pd.DatetimeIndex(lines.index)
    if len(days) < 2 or (days[1:] - days[:-1]).min() > pd.Timedelta(days=1):
        return lines
    return lines.reindex(pd.date_range(days.min(), days.max(), unit="s"))


def funnel_data(data: pd.DataFrame) -> dict[str, float]:
    """The count of each stage that the frame has."""
    based = add_conversions(ready(data, []))
    sums = {name: based[name].sum(min_count=1) for name in STAGES if name in based}
    counts = {
        name: float("nan") if pd.isna(value) else float(value) for name, value in sums.items()
    }
    if len(counts) < 2:
        wanted = dict.fromkeys(metric for stage in STAGES for metric in required_metrics(stage))
        raise InvalidRequest(
            f"a funnel needs at least two stages; fetch with metrics={list(wanted)!r}"
        )
    return counts


def halo_data(data: pd.DataFrame, metric: str, n: int) -> tuple[pd.DataFrame, list[str]]:
    """Advertised ASINs by purchased ones; and what the others of both are called."""
    data = ready(data, [metric], n=n)
    if "otherAsin" not in data:
        raise InvalidRequest(
            "the frame has no column 'otherAsin': halo sales are in the report "
            "fetch_report('asins', ...)"
        )
    validate_columns(data, ["asin"])
    rows, advertised = _folded(data, "asin", metric, n, _GROUP, rest=True)
    rows, purchased = _folded(rows, "otherAsin", metric, n, _OTHER_GROUP, rest=True)
    long = aggregate(rows, [metric], [_GROUP, _OTHER_GROUP])
    cells = long.pivot(index=_GROUP, columns=_OTHER_GROUP, values=metric)
    places: Any = cells.axes
    named = cells.set_axis([advertised[place] for place in places[0]]).set_axis(
        [purchased[place] for place in places[1]], axis="columns"
    )
    return named, [*advertised[n:], *purchased[n:]]


def calendar_data(data: pd.DataFrame, metric: str) -> pd.DataFrame:
    """A row a week, named by its Monday; a column a weekday."""
    data = ready(data, [metric])
    validate_columns(data, ["date"])
    if frame_metadata(data).get("freq") not in (None, "D"):
        raise InvalidRequest("a calendar is of days: take the frame itself, or freq='D'")
    days = aggregate(data, [metric], "date")
    names = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    if days.empty:
        return pd.DataFrame(columns=names)
    weekdays = days["date"].dt.day_of_week
    mondays = days["date"] - pd.to_timedelta(weekdays, unit="D")
    cells = days.assign(week=mondays, weekday=weekdays).pivot(
        index="week", columns="weekday", values=metric
    )
    every = pd.date_range(mondays.min(), mondays.max(), freq="7D")
    return cells.reindex(index=every, columns=range(7)).set_axis(names, axis="columns")


@dataclass(frozen=True)
class CoverageMatrix:
    """What a picture of the coverage draws.

    Attributes
    ----------
    states : pandas.DataFrame
        A row a line of slices, a column a day: the places in `STATES`, NaN for days that are
        not told of.
    due : pandas.DataFrame
        The same of `is_due`, as booleans.
    names : list of str
        Of the lines.
    firsts : list of int
        The lines where another source or profile begins, if there are several.
    """

    states: pd.DataFrame
    due: pd.DataFrame
    names: list[str]
    firsts: list[int]


def coverage_matrix(data: object) -> CoverageMatrix:
    """The state of each day of each line, in the frame's order."""
    cells = _standing_cells(
        data.coverage() if isinstance(data, ReportCache) else validate_frame(data)
    )
    lines = cells[list(_LINE)].drop_duplicates(ignore_index=True)
    every = pd.MultiIndex.from_frame(lines)
    dates = cells["date"]
    days = pd.date_range(dates.min(), dates.max()) if len(dates) else dates
    states, due = (
        cells.pivot(index=list(_LINE), columns="date", values=name).reindex(every, columns=days)
        for name in ("state", "is_due")
    )
    whose = lines[_several(lines)]
    is_first = (whose != whose.shift()).any(axis="columns")
    names = _names_of(lines, is_first)
    return CoverageMatrix(states, due.eq(True), names, lines.index[is_first].tolist())


def _standing_cells(frame: pd.DataFrame) -> pd.DataFrame:
    """A row a day of a line, with the state's place, if the frame is one of a coverage."""
    lacking = [name for name in (*_LINE, "date", "state", "is_due") if name not in frame]
    if lacking:
        raise InvalidRequest(f"the frame has no {', '.join(lacking)}: {_COVERAGE_WANTED}")
    validate_columns(frame, ["date"])
    places = frame["state"].astype("str").map({state: n for n, state in enumerate(COVERAGE_STATES)})
    cells = frame[list(_LINE)].astype("str").fillna("")
    cells = cells.assign(date=frame["date"], state=places, is_due=frame["is_due"])
    if cells.isna().any(axis=None) or cells.duplicated([*_LINE, "date"]).any():
        states = ", ".join(COVERAGE_STATES)
        raise InvalidRequest(f"each day of a line has one state of {states}: {_COVERAGE_WANTED}")
    return cells.astype({"is_due": "bool"})


def _names_of(lines: pd.DataFrame, is_first: pd.Series[bool]) -> list[str]:
    """Lines by report and tactic; the first of another's also by whose it is."""
    names = lines["record_type"] + lines["segment"].radd("+").where(lines["segment"] != "", "")
    names = names + " " + lines["tactic"]
    for whose in _several(lines):
        names = names.where(~is_first, lines[whose] + " " + names)
    return names.tolist()


def _several(lines: pd.DataFrame) -> list[str]:
    """What has to be told of whose lines are: not what all share."""
    return [whose for whose in ("profile_id", "source") if lines[whose].nunique() > 1]


def to_float_array(values: Any) -> Any:
    """Numbers as matplotlib takes them, NaN where missing."""
    return values.to_numpy(dtype="float64", na_value=np.nan)

"""The data of the figure `funnel`: rates from impressions to orders, with their counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from sdanalytics.analysis.column_arrays import to_floats
from sdanalytics.analysis.cost_types import read_cost_types
from sdanalytics.analysis.dispersion import estimate_dispersion, number_days
from sdanalytics.analysis.kpi_definitions import is_numeric_measure
from sdanalytics.analysis.missing_columns import missing_metric_error
from sdanalytics.analysis.periods import Period, parse_period, select_periods, warn_of_periods
from sdanalytics.analysis.rate_intervals import Bounds, bound_event_rates, bound_fractions
from sdanalytics.analysis.ratios import divide
from sdanalytics.analysis.row_groups import BoolArray, FloatArray, IntArray, pair_codes
from sdanalytics.analysis.validation import validate_level
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.query import DateLike
from sdanalytics.plots.groups import (
    GROUP_COLUMN,
    GroupedRows,
    drop_others,
    factorize,
    rank_groups,
    validate_names,
)
from sdanalytics.plots.plot_data import prepare
from sdanalytics.plots.titles import word_interval

PeriodPair: TypeAlias = tuple[tuple[DateLike, DateLike], tuple[DateLike, DateLike]]
"""Two pairs of days, both ends included."""
COST_TYPE_COLUMN: Final = "costType"
ALL_ROWS: Final = "all"
"""The name of the group of all rows together."""
RESULTS: Final = ("page_views", "orders")
_COST_TYPE_NAMES: Final = {"VCPM": "vCPM"}
_DEFAULT_LEVEL: Final = 0.9
_MAX_GROUPS: Final = 4


class FunnelRate(NamedTuple):
    """A rate: `factor` times events by what they may follow.

    Attributes
    ----------
    name : str
    label : str
        What is divided by what.
    events, exposure : str
        Columns that add up.
    unit : {"fraction", "ratio"}
        Of a fraction, each unit of the exposure has one event at most.
    factor : int
    is_of_vcpm : bool
        Whether only rows of vCPM campaigns count.
    """

    name: str
    label: str
    events: str
    exposure: str
    unit: str = "fraction"
    factor: int = 1
    is_of_vcpm: bool = False


RATES: Final = (
    FunnelRate(
        name="vtr",
        label="viewable impressions / impressions",
        events="viewImpressions",
        exposure="impressions",
    ),
    FunnelRate(
        name="ctr",
        label="CTR: clicks / impressions",
        events="clicks",
        exposure="impressions",
    ),
    FunnelRate(
        name="click_page_views",
        label="page views after a click / clicks",
        events="attributedDetailPageView14d",
        exposure="clicks",
        unit="ratio",
    ),
    FunnelRate(
        name="cvr",
        label="CVR: orders after a click / clicks",
        events="attributedConversions14d",
        exposure="clicks",
    ),
    FunnelRate(
        name="view_page_views",
        label="vCPM page views / 1,000 viewable impressions",
        events="viewAttributedDetailPageView14d",
        exposure="viewImpressions",
        unit="ratio",
        factor=1000,
        is_of_vcpm=True,
    ),
    FunnelRate(
        name="purchase_rate",
        label="vCPM orders / 1,000 viewable impressions",
        events="viewAttributedConversions14d",
        exposure="viewImpressions",
        unit="ratio",
        factor=1000,
        is_of_vcpm=True,
    ),
)
"""The rates in order: those of clicks, then those of views, which only vCPM campaigns pay for."""


@dataclass(frozen=True)
class FunnelData:
    """The dots of the figure.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per dot: the numbers of its `group` and `rate`, `value`, `low`, `high`, `events`
        and `exposure`. Rates without exposure are left out.
    rates : list of FunnelRate
    names : list
        Of the groups.
    group_count : int
        How many groups there are, of which some may be left out.
    periods : list of Period
        Those of the groups; empty if they are others.
    level : float
    """

    table: pd.DataFrame
    rates: list[FunnelRate]
    names: list[Any]
    group_count: int
    periods: list[Period]
    level: float


def funnel_data(
    data: pd.DataFrame,
    *,
    by: str | None = COST_TYPE_COLUMN,
    periods: PeriodPair | None = None,
    n: int = _MAX_GROUPS,
    level: float = _DEFAULT_LEVEL,
    names: Mapping[Any, Any] | None = None,
) -> FunnelData:
    """Compute what `funnel` draws; the arguments are those of the figure."""
    validate_level(level)
    is_default = by == COST_TYPE_COLUMN
    if periods is not None and not is_default and by is not None:
        raise InvalidRequest(f"by and periods must not be given both, got by={by!r}")
    stages = [*_list_rate_columns(), *RESULTS]
    if periods is not None or (is_default and COST_TYPE_COLUMN not in data):
        by = None
    rows = prepare(data, stages, by, n)
    rates = _choose_rates(rows)
    parsed = _parse_periods(periods)
    if parsed:
        groups = _group_by_period(rows, parsed)
        warn_of_periods(rows, *parsed)
    elif by is None:
        groups = GroupedRows(rows.assign(**{GROUP_COLUMN: 0}), GROUP_COLUMN, [None], [ALL_ROWS])
    else:
        given = validate_names(names)
        groups = factorize(rows, by, GROUP_COLUMN, _COST_TYPE_NAMES | dict(given))
    group_count = len(groups.names)
    if group_count > n:
        groups = drop_others(rank_groups(groups, rates[0].exposure, n))
    return FunnelData(
        table=_compute_rates(groups, rates, level),
        rates=rates,
        names=groups.names,
        group_count=group_count,
        periods=parsed,
        level=level,
    )


def _list_rate_columns() -> list[str]:
    """Return the columns of all rates."""
    columns: list[str] = []
    for rate in RATES:
        columns += [rate.exposure, rate.events]
    return list(dict.fromkeys(columns))


def _choose_rates(rows: pd.DataFrame) -> list[FunnelRate]:
    """Return the rates that the frame has the columns for."""
    rates = []
    for rate in RATES:
        parts = [rate.events, rate.exposure]
        if rate.is_of_vcpm:
            parts.append(COST_TYPE_COLUMN)
        if rows.columns.isin(parts).sum() == len(parts):
            rates.append(rate)
    if not rates:
        columns = [*_list_rate_columns(), COST_TYPE_COLUMN]
        raise InvalidRequest(f"a funnel needs at least two stages; fetch with metrics={columns!r}")
    for rate in rates:
        for name in (rate.events, rate.exposure):
            if not is_numeric_measure(rows, name):
                raise missing_metric_error(rows, name)
    return rates


def _parse_periods(periods: PeriodPair | None) -> list[Period]:
    if periods is None:
        return []
    is_pair = isinstance(periods, Sequence) and not isinstance(periods, str)
    if not is_pair or len(periods) != 2:
        raise InvalidRequest(
            f"periods must be two pairs of days, ((first, last), (first, last)), got {periods!r}"
        )
    before, after = periods
    return [parse_period(before, "period_a"), parse_period(after, "period_b")]


def _group_by_period(rows: pd.DataFrame, periods: Sequence[Period]) -> GroupedRows:
    """Number the rows by period; those of days in both count in both."""
    select_periods(rows, periods)
    parts = []
    names = []
    for number, period in enumerate(periods):
        part = rows[period.find_rows(rows["date"])]
        parts.append(part.assign(**{GROUP_COLUMN: number}))
        names.append(word_interval(period.first, period.last))
    both = pd.concat(parts, ignore_index=True)
    return GroupedRows(both, GROUP_COLUMN, list(periods), names)


def _compute_rates(groups: GroupedRows, rates: Sequence[FunnelRate], level: float) -> pd.DataFrame:
    tables = list(_compute_tables(groups, rates, level))
    table = pd.concat(tables, ignore_index=True)
    return table[table["exposure"] > 0].reset_index(drop=True)


def _compute_tables(
    groups: GroupedRows, rates: Sequence[FunnelRate], level: float
) -> Iterator[pd.DataFrame]:
    """Yield a table for each rate, with a row for each group."""
    rows = groups.rows
    cells = _number_cells(groups)
    is_vcpm = read_cost_types(rows).is_vcpm
    for number, rate in enumerate(rates):
        row_events: FloatArray = to_floats(rows[rate.events].array)
        row_exposure: FloatArray = to_floats(rows[rate.exposure].array)
        is_used = np.isfinite(row_events + row_exposure)
        if rate.is_of_vcpm:
            is_used &= is_vcpm
        used = _RateCells(
            events=cells.add_up(row_events, is_used),
            exposure=cells.add_up(row_exposure, is_used),
            codes=cells.groups,
            days=cells.days,
        )
        count = len(groups.names)
        events = used.add_up(used.events, count)
        exposure = used.add_up(used.exposure, count)
        bounds = used.find_bounds(events, exposure, rate, level)
        columns = {
            "group": np.arange(count),
            "rate": number,
            "value": rate.factor * divide(events, exposure),
            "low": rate.factor * bounds.low,
            "high": rate.factor * bounds.high,
            "events": events,
            "exposure": exposure,
        }
        yield pd.DataFrame(columns)


class _Cells(NamedTuple):
    """The days of groups: the number of each row's, and the group and day of each."""

    row_codes: IntArray
    groups: IntArray
    days: IntArray | None

    def add_up(self, values: FloatArray, is_used: BoolArray) -> FloatArray:
        """Return the sums of values of some rows."""
        sums = np.bincount(
            self.row_codes[is_used],
            weights=values[is_used],
            minlength=len(self.groups),
        )
        return sums.astype("float64")


def _number_cells(groups: GroupedRows) -> _Cells:
    """Return the days of groups; without known days, the groups."""
    codes: IntArray = groups.rows[groups.column].to_numpy(dtype="int64")
    count = len(groups.names)
    days = number_days(groups.rows)
    if days is None or not len(days):
        return _Cells(codes, np.arange(count), None)
    first = days.min()
    numbers = days - first
    pairs = pair_codes(codes, count, numbers, int(numbers.max()) + 1)
    return _Cells(pairs.codes, pairs.left, pairs.right + first)


class _RateCells(NamedTuple):
    """The sums of both parts of a rate, by group and day."""

    events: FloatArray
    exposure: FloatArray
    codes: IntArray
    days: IntArray | None

    def add_up(self, values: FloatArray, count: int) -> FloatArray:
        """Return the sums of values by group."""
        sums = np.bincount(
            self.codes,
            weights=values,
            minlength=count,
        )
        return sums.astype("float64")

    def find_bounds(
        self, events: FloatArray, exposure: FloatArray, rate: FunnelRate, level: float
    ) -> Bounds:
        """Return the bounds of rates by group: Jeffreys', wider where days differ more."""
        is_binomial = rate.unit == "fraction"
        dispersion = estimate_dispersion(
            events=self.events,
            exposure=self.exposure,
            groups=self.codes,
            days=self.days,
            is_binomial=is_binomial,
        ).widen(level)
        bound = bound_fractions if is_binomial else bound_event_rates
        return bound(events, exposure, level, dispersion)


def tidy_funnel(data: pd.DataFrame, **options: Any) -> pd.DataFrame:
    """Return the numbers of `funnel` as a table.

    It has a row for each dot: `name` of its group, `rate` such as "ctr", `value`, `low`, `high`,
    and the counts behind it, `events` and `exposure`.
    """
    dots = funnel_data(data, **options)
    table = dots.table.rename(columns={"group": "name"})
    table["name"] = [dots.names[number] for number in table["name"]]
    table["rate"] = [dots.rates[number].name for number in table["rate"]]
    return table

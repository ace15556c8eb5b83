"""How metrics changed between two periods: of final numbers, with what chance leaves open."""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import pandas as pd

from sdanalytics.analysis.compare import compare
from sdanalytics.analysis.kpi_definitions import BOUNDED_KPIS
from sdanalytics.analysis.periods import select_periods
from sdanalytics.analysis.rate_changes import Interval, combine_errors, compare_rates
from sdanalytics.analysis.share_table import CURVE_LEVEL
from sdanalytics.analysis.summarize import summarize
from sdanalytics.delivery.report_span import ReportSpan

CHANCE_LEVEL: Final = 0.9
"""Of the intervals of what chance makes of a change."""
CHANGED_METRICS: Final = ("sales", "cost", "acos", "roas", "orders", "cvr", "ctr", "cpc")
"""The metrics of a report, the most important ones first."""
_RATE_BEHIND: Final = {"sales": "roas", "orders": "cpa"}
"""The rate by cost that a sum varies with: what was paid is known."""
_IS_LATER: Final = "_is_later"
"""A column for the time of the computation."""


class MetricChange(NamedTuple):
    """A metric in two periods: final numbers as expected, or else as reported.

    Attributes
    ----------
    metric : str
    is_final : bool
        Whether values are of final numbers.
    before, after : float
    low, high : float
        An interval of 80 % of the final number of the later period; missing for reported ones.
    change : float
        `after` less `before`.
    change_low, change_high : float
        The interval of the change of final numbers.
    chance : Interval or None
        The ratio of both, with bounds (90 %) of what chance leaves open of the rates behind it;
        None where it is not known.
    """

    metric: str
    is_final: bool
    before: float
    after: float
    low: float
    high: float
    change: float
    change_low: float
    change_high: float
    chance: Interval | None

    @property
    def share(self) -> float:
        """The change by the earlier number, a fraction; missing without one."""
        return self.divide_by_before(self.change)

    def divide_by_before(self, value: float) -> float:
        """Return an amount by the size of the earlier number."""
        if not self.before:
            return math.nan
        return value / abs(self.before)

    @property
    def is_beyond_chance(self) -> bool | None:
        """Whether chance alone hardly makes such a change; None where it is not known."""
        if self.chance is None:
            return None
        return self.chance.excludes(1.0)


def compare_metrics(
    df: pd.DataFrame, span: ReportSpan, curve: pd.DataFrame | None
) -> dict[str, MetricChange]:
    """Return how each of the main metrics changed; those that the frame lacks are left out.

    Raises
    ------
    InvalidRequest
        When a period has no rows.
    """
    before = span.before
    period = span.period
    comparison = compare(
        df,
        (before.first, before.last),
        (period.first, period.last),
        final=curve,
    )
    row = comparison.iloc[0]
    rates = _PeriodRates(df, span)
    changes = {}
    for metric in CHANGED_METRICS:
        if f"{metric}_a" not in row:
            continue
        change = _read_change(metric, row)
        chance = _bound_change(change, rates)
        changes[metric] = change._replace(chance=chance)
    return changes


class _PeriodRates:
    """The long-run rates behind the numbers of two periods."""

    def __init__(self, df: pd.DataFrame, span: ReportSpan) -> None:
        both = select_periods(df, [span.before, span.period])
        is_later = span.period.find_rows(both["date"])
        marked = both.assign(**{_IS_LATER: is_later})
        self._summary = summarize(marked, _IS_LATER, level=CHANCE_LEVEL)

    def find(self, metric: str) -> list[Interval]:
        """Return the rate behind a metric, earlier and later; none where it is not known."""
        name = _RATE_BEHIND.get(metric, metric)
        columns = [name, f"{name}_low", f"{name}_high"]
        if name not in BOUNDED_KPIS or columns[1] not in self._summary:
            return []
        ordered = self._summary.sort_values(_IS_LATER)
        table = ordered[columns].astype("float64")
        rates = []
        for values in table.itertuples(index=False):
            rate = Interval(*values)
            if not rate.value > 0:
                return []
            rates.append(rate.invert() if metric == "orders" else rate)
        return rates


def _read_change(metric: str, row: pd.Series[Any]) -> MetricChange:
    """Return the change of a metric from a comparison; of final numbers where it has them."""
    is_final = f"{metric}_final_b" in row
    name = f"{metric}_final" if is_final else metric

    def read(end: str) -> float:
        value = row.get(f"{name}_{end}")
        return math.nan if pd.isna(value) else float(value)

    return MetricChange(
        metric=metric,
        is_final=is_final,
        before=read("a"),
        after=read("b"),
        low=read("low_b"),
        high=read("high_b"),
        change=read("change"),
        change_low=read("change_low"),
        change_high=read("change_high"),
        chance=None,
    )


def _bound_change(change: MetricChange, rates: _PeriodRates) -> Interval | None:
    """Return the ratio of both numbers, with the errors of both rates and of final numbers.

    Of young days both know of the same orders that have not come, so that the bounds are rather
    too wide than too narrow.
    """
    if not (change.before > 0 and change.after > 0):
        return None
    both = rates.find(change.metric)
    if not both:
        return None
    drawn = compare_rates(*both)
    ratio = change.after / change.before
    if not change.is_final:
        return combine_errors(ratio, drawn)
    low = change.divide_by_before(change.change_low)
    high = change.divide_by_before(change.change_high)
    settled = Interval(ratio, 1 + low, 1 + high)
    widened = settled.relevel(CURVE_LEVEL, CHANCE_LEVEL)
    return combine_errors(ratio, drawn, widened)

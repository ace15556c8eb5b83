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
        return self.share_of_before(self.change)

    def share_of_before(self, value: float) -> float:
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
    periods = (span.before.first, span.before.last), (span.period.first, span.period.last)
    row = compare(df, *periods, final=curve).iloc[0]
    both = select_periods(df, [span.before, span.period])
    is_later = span.period.find_rows(both["date"])
    bounds = summarize(both.assign(**{_IS_LATER: is_later}), _IS_LATER, level=CHANCE_LEVEL)
    changes = {}
    for metric in CHANGED_METRICS:
        if f"{metric}_a" in row:
            changes[metric] = _read_change(metric, row, bounds)
    return changes


def _read_change(metric: str, row: pd.Series[Any], bounds: pd.DataFrame) -> MetricChange:
    """Return the change of a metric from a comparison, and bounds of the rates of both periods."""
    is_final = f"{metric}_final_b" in row
    name = f"{metric}_final" if is_final else metric
    limits = [math.nan] * 4
    if is_final:
        ends = ("low_b", "high_b", "change_low", "change_high")
        limits = [_to_float(row[f"{name}_{end}"]) for end in ends]
    low, high, change_low, change_high = limits
    change = MetricChange(
        metric=metric,
        is_final=is_final,
        before=_to_float(row[f"{name}_a"]),
        after=_to_float(row[f"{name}_b"]),
        low=low,
        high=high,
        change=_to_float(row[f"{name}_change"]),
        change_low=change_low,
        change_high=change_high,
        chance=None,
    )
    return change._replace(chance=_bound_change(change, bounds))


def _bound_change(change: MetricChange, bounds: pd.DataFrame) -> Interval | None:
    """Return the ratio of both numbers, with the errors of both rates and of final numbers.

    Of young days both know of the same orders that have not come, so that the bounds are rather
    too wide than too narrow.
    """
    if not (change.before > 0 and change.after > 0):
        return None
    rates = _read_rates(change.metric, bounds)
    if rates is None:
        return None
    drawn = compare_rates(*rates)
    ratio = change.after / change.before
    if not change.is_final:
        return combine_errors(ratio, drawn)
    settled = Interval(
        value=ratio,
        low=1 + change.share_of_before(change.change_low),
        high=1 + change.share_of_before(change.change_high),
    )
    return combine_errors(ratio, drawn, settled.relevel(CURVE_LEVEL, CHANCE_LEVEL))


def _read_rates(metric: str, bounds: pd.DataFrame) -> tuple[Interval, Interval] | None:
    """Return the rate behind a metric in both periods; None where it has none."""
    name = _RATE_BEHIND.get(metric, metric)
    if name not in BOUNDED_KPIS or f"{name}_low" not in bounds:
        return None
    rates = []
    for is_later in (False, True):
        row = bounds[bounds[_IS_LATER] == is_later].iloc[0]
        values = [_to_float(row[column]) for column in (name, f"{name}_low", f"{name}_high")]
        rate = Interval(*values)
        if not rate.value > 0:
            return None
        rates.append(rate.invert() if metric == "orders" else rate)
    return rates[0], rates[1]


def _to_float(value: Any) -> float:
    return math.nan if pd.isna(value) else float(value)

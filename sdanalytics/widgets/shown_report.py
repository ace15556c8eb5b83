"""`ShownReport`: the rows on view, the period before them, and how final they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import NamedTuple

import pandas as pd

from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.analysis.periods import Period, parse_period
from sdanalytics.model.entity_names import CAMPAIGN_ID, ID_BY_NAME


def find_period_before(start: date, end: date) -> Period:
    """Return as many days, up to the day before a period."""
    length = end - start + date.resolution
    return Period("before", start - length, start - date.resolution)


@dataclass(frozen=True)
class ShownReport:
    """A report as it is viewed.

    Attributes
    ----------
    rows : pandas.DataFrame
        The rows of the selected days, of the selected campaigns.
    both : pandas.DataFrame or None
        The same with the period before in front; None: periods are not compared.
    curve : pandas.DataFrame or None
        That of `maturity` if final numbers are wanted.
    final_metrics : sequence of str
        The metrics that the curve has final numbers of.
    """

    rows: pd.DataFrame
    both: pd.DataFrame | None = None
    curve: pd.DataFrame | None = None
    final_metrics: Sequence[str] = field(default=())

    @property
    def now(self) -> Period:
        """The selected days."""
        metadata = frame_metadata(self.rows)
        return parse_period((metadata["start"], metadata["end"]), "now")

    @property
    def before(self) -> Period:
        """The same number of days before them."""
        now = self.now
        return find_period_before(now.first, now.last)

    @property
    def periods(self) -> tuple[tuple[date, date], tuple[date, date]]:
        """Both, as `compare` and `explain` take them."""
        before = self.before
        now = self.now
        return (before.first, before.last), (now.first, now.last)

    def select_campaigns(self, ids: Sequence[str]) -> ShownReport:
        """Return the report with these campaigns only; with all of them if none is named."""
        if not ids:
            return self
        both = None
        if self.both is not None:
            both = keep_campaigns(self.both, ids)
        return replace(self, rows=keep_campaigns(self.rows, ids), both=both)


def keep_campaigns(rows: pd.DataFrame, ids: Sequence[str]) -> pd.DataFrame:
    """Return the rows of campaigns."""
    numbers = list(map(int, ids))
    return rows[rows[CAMPAIGN_ID].isin(numbers)]


def find_group_key(rows: pd.DataFrame, by: str) -> str:
    """Return the column that tells the groups of a menu apart: two targets may have one name."""
    key = ID_BY_NAME.get(by, by)
    if key in rows:
        return key
    return by


class ViewChoice(NamedTuple):
    """The choices of the menus above a result.

    Attributes
    ----------
    plot, metric : str or None
        None where nothing can be drawn.
    by : str or None
        None: all rows together.
    table : {"summary", "recommendations", "rows"}
    target_acos : float or None
        A fraction.
    """

    plot: str | None
    metric: str | None
    by: str | None
    table: str = "summary"
    target_acos: float | None = None

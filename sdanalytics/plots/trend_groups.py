"""`LineGrouper`: the rows of each line of a trend."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import pandas as pd

from sdanalytics.analysis.condense import condense
from sdanalytics.analysis.kpi_definitions import KPIS
from sdanalytics.errors import InvalidRequest
from sdanalytics.plots.groups import GROUP_COLUMN, GroupedRows, factorize, rank_groups
from sdanalytics.plots.metric_labels import metric_label
from sdanalytics.plots.trend_others import choose_ranking_metric

DATE: Final = "date"


@dataclass(frozen=True)
class LineGrouper:
    """Numbering of rows by the line of a trend that they are part of.

    Attributes
    ----------
    data : pandas.DataFrame
    metric : str
    by : str or None
    kept : list of str
        Columns to keep: those of a curve's groups.
    names : object
        Names of the user's own.
    is_condensed : bool
        Whether rows may become fewer; they lose the columns of final numbers.
    """

    data: pd.DataFrame
    metric: str
    by: str | None
    kept: list[str]
    names: object
    is_condensed: bool

    @property
    def ranking_metric(self) -> str:
        """The metric that tells which groups are the largest."""
        return choose_ranking_metric(self.data, self.metric)

    def group(self, n: int) -> GroupedRows:
        """Return the rows by line, the largest first, and all others as the last."""
        if self.by is None:
            rows = self._condense(self.data, [], [DATE])
            return GroupedRows(
                rows.assign(**{GROUP_COLUMN: 0}),
                GROUP_COLUMN,
                [None],
                [metric_label(self.metric)],
            )
        if self.by == DATE:
            raise InvalidRequest(
                "by must be a column other than 'date': a trend is over the dates already"
            )
        groups = factorize(self.data, self.by, GROUP_COLUMN, self.names)
        rows = self._condense(
            groups.rows,
            [self.ranking_metric],
            [DATE, GROUP_COLUMN],
        )
        return rank_groups(
            replace(groups, rows=rows),
            self.ranking_metric,
            n,
        )

    def _condense(self, rows: pd.DataFrame, others: list[str], keys: list[str]) -> pd.DataFrame:
        if not self.is_condensed:
            return rows
        all_keys = dict.fromkeys([*keys, *self.kept])
        drawn = [self.metric]
        if self.metric in KPIS:  # tells whether a missing ratio is undefined
            drawn.append(KPIS[self.metric].numerator)
        return condense(
            rows,
            [*drawn, *others],
            list(all_keys),
        )

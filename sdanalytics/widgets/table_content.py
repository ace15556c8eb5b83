"""The contents of the picker's table: a summary, a comparison, recommendations, or rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple

import pandas as pd

from sdanalytics.analysis.column_units import describe_column, find_unit
from sdanalytics.analysis.compare import compare
from sdanalytics.analysis.directions import find_direction
from sdanalytics.analysis.kpi_definitions import CONVERSION_METRICS
from sdanalytics.analysis.recommend import recommend
from sdanalytics.analysis.summarize import summarize
from sdanalytics.errors import InvalidRequest
from sdanalytics.plots.metric_labels import frame_currency, metric_label
from sdanalytics.widgets.final_numbers import place_finals
from sdanalytics.widgets.shown_report import ShownReport, ViewChoice, find_group_key

SUMMARY: Final = "summary"
RECOMMENDATIONS: Final = "recommendations"
ROWS: Final = "rows"

_KINDS: Final = {
    "count": "count",
    "currency": "number",
    "ratio": "number",
    "fraction": "percent",
}
_SIDES: Final = {"b": "now", "a": "before", "change_share": "change"}
"""The ends of the names of the columns of a comparison, and their titles."""
_LIMITED: Final = ("acos", "acos_final")
"""Columns that are marked where they are above the target."""


@dataclass(frozen=True)
class TableColumn:
    """A column of the table.

    Attributes
    ----------
    name : str
        That of the frame's column.
    title, meaning : str
        The text of its header, and what is said when the mouse is on it.
    kind : {"text", "count", "number", "percent", "change"}
        How values are written.
    group : str
        A header above several columns.
    starts : bool
        Whether it is the first one of its group.
    good : {-1, 0, 1}
        The sign of changes that are good.
    limit : float or None
        The value above which it is bad.
    """

    name: str
    title: str
    meaning: str
    kind: str
    group: str = ""
    starts: bool = False
    good: int = 0
    limit: float | None = None

    @property
    def is_number(self) -> bool:
        """Whether its values are amounts."""
        return self.kind != "text"

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


class TableContent(NamedTuple):
    """A table to show.

    Attributes
    ----------
    label : str
    rows : pandas.DataFrame
        In the order of the table.
    columns : list of TableColumn
    total : pandas.DataFrame or None
        One row over all rows.
    """

    label: str
    rows: pd.DataFrame
    columns: list[TableColumn]
    total: pd.DataFrame | None = None


def fill_table(report: ShownReport, choice: ViewChoice, metrics: Sequence[str]) -> TableContent:
    """Return the table that was chosen.

    Parameters
    ----------
    report : ShownReport
    choice : ViewChoice
    metrics : sequence of str
        Those that can be summed, the most important ones first.

    Raises
    ------
    InvalidRequest
        When the frame lacks the columns for it.
    """
    if choice.table == ROWS or not metrics:
        return _list_report_rows(report.rows)
    if choice.table == RECOMMENDATIONS:
        return _recommend_actions(report, choice)
    if report.both is not None:
        return _compare_periods(report, choice, metrics)
    return _summarize_report(report, choice, metrics)


def _list_report_rows(rows: pd.DataFrame) -> TableContent:
    columns = [_plain_column(rows, name) for name in map(str, rows.columns)]
    return TableContent("Rows as they were fetched", rows, columns)


def _summarize_report(
    report: ShownReport, choice: ViewChoice, metrics: Sequence[str]
) -> TableContent:
    key = _find_table_key(report.rows, choice)
    summary = summarize(report.rows, key, final=report.curve)
    summary = summary.sort_values(list(metrics[:1]), ascending=False)
    total = None
    labels = _list_labels(summary, choice.by, key)
    if labels and len(summary):
        total = summarize(report.rows, final=report.curve)
        total = _name_total(total, summary, labels)
    names = [*labels, *place_finals(summary, metrics)]
    columns = [_limited_column(summary, name, choice.target_acos) for name in names]
    return TableContent("Summary", summary, columns, total)


def _compare_periods(
    report: ShownReport, choice: ViewChoice, metrics: Sequence[str]
) -> TableContent:
    both = report.both
    assert both is not None
    before, now = report.periods
    key = _find_table_key(both, choice)
    compared = compare(both, before, now, by=key, final=report.curve)
    names = [name for name in _leave_out_parts(metrics) if f"{name}_change_share" in compared]
    largest = [f"{name}_b" for name in names[:1]]
    compared = compared.sort_values(largest, ascending=False)
    total = None
    labels = _list_labels(compared, choice.by, key)
    if labels:
        total = compare(both, before, now, final=report.curve)
        total = _name_total(total, compared, labels)
    columns = [_plain_column(compared, name) for name in labels]
    for name in names:
        columns += _changed_columns(compared, name)
    return TableContent("Comparison with the period before", compared, columns, total)


def _leave_out_parts(metrics: Sequence[str]) -> list[str]:
    """Return metrics without Amazon's numbers by click and by view where their result is there."""
    parts: set[str] = set()
    for result, both in CONVERSION_METRICS.items():
        if result in metrics:
            parts.update(both)
    return [name for name in metrics if name not in parts]


def _recommend_actions(report: ShownReport, choice: ViewChoice) -> TableContent:
    key = _find_table_key(report.rows, choice)
    if key is None:
        raise InvalidRequest("recommendations are about names: choose a column in 'by'")
    if choice.target_acos is None:
        raise InvalidRequest("recommendations need a target: set the target ACOS")
    advised = recommend(report.rows, target_acos=choice.target_acos, by=key, final=report.curve)
    first = [*_list_labels(advised, choice.by, key), "action", "waste", "p_above_target"]
    names = dict.fromkeys([*first, *map(str, advised.columns)])
    columns = [_limited_column(advised, name, choice.target_acos) for name in names]
    return TableContent("Recommendations", advised, columns)


def _find_table_key(rows: pd.DataFrame, choice: ViewChoice) -> str | None:
    if choice.by is None:
        return None
    return find_group_key(rows, choice.by)


def _list_labels(summary: pd.DataFrame, by: str | None, key: str | None) -> list[str]:
    """Return the columns that name the rows: the chosen one, and the id where names repeat."""
    if by is None or key is None:
        return []
    if by not in summary:
        return [key]
    if by != key and summary[by].duplicated().any():
        return [by, key]
    return [by]


def _name_total(total: pd.DataFrame, summary: pd.DataFrame, labels: Sequence[str]) -> pd.DataFrame:
    """Return the total with a name in the first column, and nothing in the other names."""
    first, *others = labels
    named = total.reindex(columns=summary.columns)
    named[others] = None
    named[first] = "Total"
    return named


def _plain_column(frame: pd.DataFrame, name: str) -> TableColumn:
    unit = find_unit(frame, name).unit
    title = metric_label(name)
    if unit == "currency":
        currency = frame_currency(frame)
        if currency:
            title = f"{title} ({currency})"
    return TableColumn(
        name=name,
        title=title,
        meaning=describe_column(name),
        kind=_choose_kind(frame, name, unit),
    )


def _limited_column(frame: pd.DataFrame, name: str, target_acos: float | None) -> TableColumn:
    column = _plain_column(frame, name)
    if name not in _LIMITED or target_acos is None:
        return column
    return TableColumn(**(asdict(column) | {"limit": target_acos}))


def _changed_columns(compared: pd.DataFrame, name: str) -> list[TableColumn]:
    """Return the columns of a metric: now, before, and the change; of final numbers if known."""
    is_final = f"{name}_final_change_share" in compared
    metric = name
    if is_final:
        metric = f"{name}_final"
    group = metric_label(name)
    if metric in compared:
        group = _plain_column(compared, metric).title
    if is_final:
        group = f"{metric_label(name)}, final"
    columns = []
    for side, title in _SIDES.items():
        column = _plain_column(compared, f"{metric}_{side}")
        is_change = side == "change_share"
        columns.append(
            TableColumn(
                name=column.name,
                title=title,
                meaning=column.meaning,
                kind="change" if is_change else column.kind,
                group=group,
                starts=side == "b",
                good=find_direction(name) if is_change else 0,
            )
        )
    return columns


def _choose_kind(frame: pd.DataFrame, name: str, unit: str) -> str:
    if not unit:
        return "text"
    if name in frame and not _has_amounts(frame[name]):
        return "text"
    return _KINDS[unit]


def _has_amounts(values: pd.Series[Any]) -> bool:
    if pd.api.types.is_bool_dtype(values):
        return False
    return pd.api.types.is_numeric_dtype(values)

"""The tables behind a workbook's charts: the trend by day, and the largest names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from sdanalytics.analysis.aggregate import aggregate
from sdanalytics.analysis.buckets import IS_WHOLE
from sdanalytics.analysis.column_units import ColumnUnit, find_unit
from sdanalytics.analysis.explanation import EXPLAINED
from sdanalytics.analysis.final_columns import select_immature, summarize_final
from sdanalytics.analysis.kpi_definitions import is_attributed
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.analysis.results import add_conversions
from sdanalytics.analysis.validation import has_several_currencies
from sdanalytics.delivery.sheet_data import SheetData, is_name_column
from sdanalytics.delivery.total_rows import has_versions, is_comparison, list_compared
from sdanalytics.plots.metric_labels import frame_currency, metric_label

MAX_BARS: Final = 10
_MONEY: Final = ("cost", "sales")
_COUNTS: Final = ("clicks", "impressions")
_COMPARED: Final = ("sales", "cost", "orders", "clicks", "impressions")
"""Metrics of a comparison, the one to draw first."""
_FACTOR_COLUMNS: Final = ("costType", "factor")
_NO_NAME: Final = "(none)"


@dataclass(frozen=True)
class ChartData:
    """A table that a chart is drawn from.

    Attributes
    ----------
    frame_title : str
        The title of the frame that it is of.
    title : str
    table : pandas.DataFrame
        Days or names in the first column, numbers in the others.
    unit : ColumnUnit
        Of the numbers.
    currency : str or None
    is_trend : bool
        Whether it is drawn as lines over days, rather than as bars.
    """

    frame_title: str
    title: str
    table: pd.DataFrame
    unit: ColumnUnit
    currency: str | None
    is_trend: bool = False


def make_charts(data: SheetData) -> list[ChartData]:
    """Return the charts of a frame: a trend if it has days, bars if it has names."""
    df = data.rows
    if df.empty or has_versions(df):
        return []
    charts: list[ChartData | None]
    if EXPLAINED in frame_metadata(df):
        charts = [_chart_explanation(data)]
    elif is_comparison(df):
        charts = [_chart_comparison(data)]
    else:
        metrics = _choose_metrics(df)
        trend = _chart_trend(data, metrics)
        top = _chart_top(data, metrics)
        charts = [trend, top]
    return [chart for chart in charts if chart is not None]


def _chart_trend(data: SheetData, metrics: list[str]) -> ChartData | None:
    """Return the trend of metrics over several days, with final numbers where there is a curve."""
    if not metrics or "date" not in data.rows:
        return None
    rows = _select_whole_buckets(data.rows)
    by_day = aggregate(rows, metrics, "date")
    if len(by_day) < 2:
        return None
    names = ["date", *metrics]
    table = by_day[names]
    immature = select_immature(metrics)
    if data.curve is not None:
        finals = summarize_final(rows, immature, ["date"], data.curve)
        columns = [f"{name}_final" for name in immature]
        table = table.join(finals.filter(columns))
    words = _word_metrics(metrics)
    title = f"Trend of {words}"
    still_from = frame_metadata(rows).get("arriving_from")
    is_immature = any(map(is_attributed, metrics))
    if is_immature and still_from and data.curve is None:
        title = f"{title}, which still arrive for days from {still_from} on"
    return _make_chart(data, title, table, metrics[0], is_trend=True)


def _select_whole_buckets(df: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of days, or of the weeks and months of which the frame has all days."""
    is_drawn = df["date"].notna()
    if IS_WHOLE in df:
        is_drawn &= df[IS_WHOLE].astype("bool")
    return df[is_drawn]


def _chart_top(data: SheetData, metrics: list[str]) -> ChartData | None:
    """Return the largest names by the first metric."""
    name = _choose_name_column(data.rows)
    if not metrics or name is None:
        return None
    ranked_by = metrics[0]
    totals = aggregate(data.rows, metrics, name)
    largest = totals.nlargest(MAX_BARS, ranked_by)
    table = _put_names_beside(largest[name], largest[metrics])
    rank = metric_label(ranked_by)
    words = _word_metrics(metrics)
    title = f"Largest by {rank}: {words} of each {name}"
    if len(metrics) == 1:
        title = f"Largest by {rank}: {name}"
    return _make_chart(data, title, table, ranked_by)


def _chart_comparison(data: SheetData) -> ChartData | None:
    """Return both periods of the names that are largest in either."""
    df = data.rows
    compared = list_compared(df)
    metrics = [metric for metric in _COMPARED if metric in compared]
    name = _choose_name_column(df)
    if not metrics or name is None or has_several_currencies(df):
        return None
    metric = metrics[0]
    columns = [f"{metric}_a", f"{metric}_b"]
    sizes = df[columns].max(axis=1)
    largest = sizes.nlargest(MAX_BARS)
    rows = df.loc[largest.index]
    table = _put_names_beside(rows[name], rows[columns])
    label = metric_label(metric)
    title = f"Both periods: {label} of each {name}"
    return _make_chart(data, title, table, metric)


def _chart_explanation(data: SheetData) -> ChartData:
    """Return the first contributions: `explain` has the largest first."""
    df = data.rows.head(MAX_BARS)
    explained = frame_metadata(df)[EXPLAINED]
    keys = explained["by"] or _FACTOR_COLUMNS
    first, *others = keys
    names = df[first].astype("str")
    for key in others:
        texts = df[key].astype("str")
        names = names.str.cat(texts, sep=" ", na_rep="")
    names = names.str.strip()
    names.name = " and ".join(keys)
    contributions = df[["contribution"]]
    table = _put_names_beside(names, contributions)
    metric = metric_label(explained["metric"])
    title = f"Why {metric} changed: contributions"
    return _make_chart(data, title, table, "contribution")


def _make_chart(
    data: SheetData, title: str, table: pd.DataFrame, metric: str, *, is_trend: bool = False
) -> ChartData:
    unit = find_unit(data.rows, metric)
    currency = frame_currency(data.rows)
    return ChartData(
        data.title,
        title,
        table,
        unit,
        currency,
        is_trend,
    )


def _choose_metrics(df: pd.DataFrame) -> list[str]:
    """Return the metrics to draw: money, unless it is of several currencies."""
    columns = add_conversions(df).columns
    money = [name for name in _MONEY if name in columns]
    if money and not has_several_currencies(df):
        return money
    counts = [name for name in _COUNTS if name in columns]
    return counts[:1]


def _choose_name_column(df: pd.DataFrame) -> str | None:
    """Return the column whose values are drawn: the key of a summary, or the first of names."""
    summarized_by = frame_metadata(df).get("summarized_by") or []
    columns = df.columns.tolist()
    for name in [*summarized_by, *columns]:
        if name not in columns or not is_name_column(name):
            continue
        if df[name].nunique() > 1:
            return str(name)
    return None


def _put_names_beside(names: pd.Series[Any], numbers: pd.DataFrame) -> pd.DataFrame:
    """Return a table of names and numbers, in their order."""
    table = numbers.copy()
    texts = names.astype("str")
    texts = texts.fillna(_NO_NAME)
    table.insert(0, str(names.name), texts)
    return table


def _word_metrics(metrics: list[str]) -> str:
    labels = map(metric_label, metrics)
    return " and ".join(labels)

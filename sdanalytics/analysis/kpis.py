"""Key figures: ACOS, ROAS, CTR and the rest, as ratios of sums.

Which results count depends on how a campaign is charged, as Amazon tells it: for CPC those
within 14 days of a click, for vCPM those within 14 days of a view or a click.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.kpi_definitions import (
    AMAZON_RATIOS,
    CONVERSION_METRICS,
    KPIS,
    Kpi,
    frame_metadata,
    is_additive,
    is_catalogued,
    is_money,
    is_numeric_measure,
    missing_metric_error,
    no_kpi_error,
    required_metrics,
)
from sdanalytics.analysis.validation import (
    ensure_single_currency,
    parse_group_keys,
    validate_columns,
    validate_frame,
    validate_freq,
)
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.metrics import CATALOGUE, NON_ADDITIVE, ColumnKind
from sdanalytics.model.query import DateLike, parse_day

_NAME_OF: Final = {
    "campaignId": ("campaignName", "campaignStatus", "costType"),
    "adGroupId": ("adGroupName", "bidOptimization"),
    "targetId": ("targetingExpression", "targetingText", "targetingType"),
}
_TOTAL: Final = "total"


def add_kpis(df: pd.DataFrame) -> pd.DataFrame:
    """The frame with its key figures, row by row, behind its columns.

    Parameters
    ----------
    df : pandas.DataFrame
        From `fetch_report`. Without `costType` (campaigns have it) results by click count
        for all rows, and a warning says so once.

    Returns
    -------
    pandas.DataFrame
        `orders`, `units` (Int64) and `sales` (float64, currency): within 14 days of a click
        for CPC, of a view or a click for vCPM; so `ntb_orders`, `ntb_sales` (new to the
        brand) and `page_views` (of detail pages). Then the ratios of `KPIS` (float64), missing
        where the denominator is 0 or missing: `ctr` clicks/impressions, `cpc` cost/clicks,
        `vcpm` 1000 cost/viewImpressions, `cvr` orders/clicks, `cpa` cost/orders, `aov`
        sales/orders, `acos` cost/sales, `roas` sales/cost, `ntb_order_share` and
        `ntb_sales_share` (new-to-brand by all). What the columns do not allow is left out.

    Raises
    ------
    InvalidRequest
        When the columns allow none at all; says which `metrics=` would.
    """
    based = add_conversions(validate_frame(df))
    made = [name for name in CONVERSION_METRICS if name in based]
    ratios = {kpi.name: _ratio(based, kpi) for kpi in KPIS.values() if _has(based, kpi)}
    if not made and not ratios:
        raise no_kpi_error(df)
    return based.assign(**ratios)


def summarize(
    df: pd.DataFrame,
    by: str | Sequence[str] | None = None,
    freq: str | None = None,
    *,
    total: bool = False,
) -> pd.DataFrame:
    """Sums by columns and time, then ratios of the sums.

    Parameters
    ----------
    df : pandas.DataFrame
        From `fetch_report`, or from here (a total row in it is left out). Columns of your
        own are left out, unless they are in `by`.
    by : str or sequence of str, optional
        Columns whose values make the groups; None: all rows together.
    freq : str, optional
        Also by time, as in pandas: ``"D"``, ``"W"``, ``"MS"``.
    total : bool
        Whether to append a row over all groups, called ``total`` in the first text column.

    Returns
    -------
    pandas.DataFrame
        `date` (with `freq`), the columns of `by`, what is the same in all rows of each group
        (names, currency), the sums, and the key figures (see `add_kpis`). Not summed are:

        - rates (`vtr`, `vctr`): computed anew from the sums, where the frame has these;
        - `campaignBudget`, `cumulativeReach`, `avgImpressionsFrequency`: the latest day's, if
          no group has more than one row a day; else left out, for budgets change, and people
          reached by several campaigns are not disjoint.

    Raises
    ------
    InvalidRequest
        When a column of `by` is not there, or a group has several currencies.
    """
    df = drop_total_row(validate_frame(df))
    keys = parse_group_keys(df, by)
    if freq is not None:
        validate_freq(freq)
        validate_columns(df, ["date"])
        keys = [key for key in keys if key != "date"]
    result = _summary(df, keys, freq)
    _note(result, summarized_by=keys, freq=freq)
    if total and len(result) and (keys or freq):
        result = _with_total(result, _summary(df, [], None), keys)
    return result


def aggregate(
    df: pd.DataFrame, names: Sequence[str], by: str | Sequence[str] | None = None
) -> pd.DataFrame:
    """A summary that certainly has each of the names: sums, key figures, the user's own.

    Parameters
    ----------
    df : pandas.DataFrame
        From `fetch_report` or `summarize`.
    names : sequence of str
        Numbers of the user's own are summed.
    by : str or sequence of str, optional
        As in `summarize`.

    Raises
    ------
    InvalidRequest
        Naming the columns that it would take, or the name that was meant; or when amounts
        of several currencies would stand side by side.
    """
    rows = drop_total_row(validate_frame(df))
    keys = parse_group_keys(rows, by)
    parts = {part for name in names for part in _ingredients(name)}
    apart = {"date", "currency", "costType", *keys}
    rows = rows[[name for name in rows.columns if name in parts or name in apart]]
    if any(is_money(name) for name in names):
        ensure_single_currency(rows, _grouped(rows, [], None))
    result = _summary(rows, keys, None, _own(rows, names))
    for name in names:
        if name not in result or not is_numeric_measure(result, name):
            raise missing_metric_error(df, name)
    return result


def _own(df: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Those of the names that are numbers of the user's own, to be summed as they are."""
    return [
        name
        for name in names
        if name in df and not is_catalogued(name) and is_numeric_measure(df, name)
    ]


def _ingredients(name: str) -> list[str]:
    kpi = KPIS.get(name)
    return [name, *required_metrics(name), *([kpi.numerator, kpi.denominator] if kpi else [])]


def _summary(
    df: pd.DataFrame, keys: list[str], freq: str | None, own: Sequence[str] = ()
) -> pd.DataFrame:
    """Sums, key figures, and what is the same in each group; nothing noted of it yet."""
    based = add_conversions(df)
    if "date" in based and not based["date"].is_monotonic_increasing:
        based = based.sort_values("date", kind="stable")  # the last row is the latest day's
    groups = _grouped(based, keys, freq)
    ensure_single_currency(based, groups)
    result = _summed(based, groups, keys, own)
    result.attrs = dict(df.attrs)
    return result


def compare(
    df: pd.DataFrame,
    period_a: tuple[DateLike, DateLike],
    period_b: tuple[DateLike, DateLike],
    *,
    by: str | Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Two periods side by side: what changed from the first to the second.

    Parameters
    ----------
    df : pandas.DataFrame
        From `fetch_report`, with the days of both.
    period_a, period_b : tuple of two days
        First and last day, inclusive; earlier and later.
    by : str or sequence of str, optional
        As in `summarize`.
    metrics : sequence of str, optional
        Sums and key figures to compare; all that there are by default.

    Returns
    -------
    pandas.DataFrame
        The columns of `by`, then of each metric `<metric>_a`, `<metric>_b`,
        `<metric>_change` (b - a) and `<metric>_change_share` ((b - a) / a, a fraction,
        missing where a is 0). A group without rows in one period had no activity: its sums
        are 0 there, its ratios missing.

    Raises
    ------
    InvalidRequest
        When the frame has no row in a period, or no such column.
    """
    df = drop_total_row(validate_frame(df))
    keys = parse_group_keys(df, by)
    names = [metrics] if isinstance(metrics, str) else metrics
    parts = [_within(df, period_a, "period_a"), _within(df, period_b, "period_b")]
    if "currency" not in keys:
        both = pd.concat(parts)
        ensure_single_currency(both, _grouped(both, keys, None))
    sides = [_summary(part, keys, None, _own(df, names or ())) for part in parts]
    shared = [str(name) for name in sides[0] if name in sides[1] and name not in keys]
    numbers = [name for name in shared if is_numeric_measure(sides[0], name)]
    chosen = numbers if names is None else _known(names, df, numbers)
    joined = _joined(sides, keys, chosen)
    labels = [n for key in keys for n in _NAME_OF.get(key, ()) if n in shared and n not in keys]
    result = _labelled(joined[keys], sides, keys, labels)
    for name in chosen:
        a, b = joined[f"{name}_a"], joined[f"{name}_b"]
        result[f"{name}_a"], result[f"{name}_b"] = a, b
        result[f"{name}_change"] = b - a
        result[f"{name}_change_share"] = _divide(b - a, a)
    result.attrs = dict(df.attrs)
    return result


def _labelled(
    rows: pd.DataFrame, sides: Sequence[pd.DataFrame], keys: list[str], labels: list[str]
) -> pd.DataFrame:
    """The keys with their names: the later period's, where it has them."""
    if not labels:
        return rows.copy()
    both = pd.concat([side[[*keys, *labels]] for side in sides])
    named: pd.DataFrame = rows.merge(both.drop_duplicates(keys, keep="last"), on=keys, how="left")
    return named


def add_conversions(df: pd.DataFrame) -> pd.DataFrame:
    """The frame with the results that count (`RESULTS`), as far as its columns allow."""
    ready = {name for name in CONVERSION_METRICS if name in df}
    results = {}
    for name, columns in CONVERSION_METRICS.items():
        # A summary has results, but may have lost what chose them: those are taken as they are.
        if name not in ready and ("costType" in df or not ready):
            values = _chosen(df, *columns)
            if values is not None:
                results[name] = values
    return df.drop(columns=[name for name in KPIS if name in df]).assign(**results)


def _chosen(df: pd.DataFrame, by_click: str, by_view: str) -> pd.Series[Any] | None:
    """The results that count for each row; None when a column that some row needs is missing."""
    if "costType" not in df:
        if by_click not in df:
            return None
        _warn_once()
        return df[by_click]
    charged_by_view = df["costType"].astype("str").str.upper().eq("VCPM")
    if charged_by_view.all() and len(df):
        return df.get(by_view)
    if not charged_by_view.any():
        return df.get(by_click)
    if by_click not in df or by_view not in df:
        return None
    return df[by_view].where(charged_by_view, df[by_click])


_warned = False


def _warn_once() -> None:
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            "the frame has no costType: orders, sales and units are those after clicks (as for "
            "CPC), which is too few for vCPM campaigns. The campaigns report has costType",
            stacklevel=5,
        )


def _has(df: pd.DataFrame, kpi: Kpi) -> bool:
    return kpi.numerator in df and kpi.denominator in df


def _ratio(df: pd.DataFrame, kpi: Kpi) -> pd.Series[Any]:
    return kpi.factor * _divide(df[kpi.numerator], df[kpi.denominator])


def _divide(part: pd.Series[Any], whole: pd.Series[Any]) -> pd.Series[Any]:
    """A quotient; missing where there is nothing to divide by."""
    numerator, denominator = (
        values.to_numpy(dtype="float64", na_value=np.nan) for values in (part, whole)
    )
    quotient = np.full(len(part), np.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator != 0)
    return pd.Series(quotient, index=part.index)


def _grouped(df: pd.DataFrame, keys: list[str], freq: str | None) -> Any:
    by: list[Any] = [pd.Grouper(key="date", freq=freq)] if freq else []
    by += keys or ([] if freq else [np.zeros(len(df), dtype="int8")])
    return df.groupby(by, observed=True, dropna=False, sort=True)


def _summed(df: pd.DataFrame, groups: Any, keys: list[str], own: Sequence[str]) -> pd.DataFrame:
    summable = [name for name in df.columns if is_additive(name) or name in own]
    sums = groups[summable].sum(min_count=1)
    kept = groups[_constant(df, groups, keys)].last()
    result: pd.DataFrame = kept.join(sums)
    if _one_row_a_day(df, groups):
        result = result.join(groups[[name for name in NON_ADDITIVE if name in df]].last())
    result = result[groups.size() > 0]
    for name, (part, whole) in AMAZON_RATIOS.items():
        if name in df and part in result and whole in result:
            result[name] = _divide(result[part], result[whole])
    for kpi in KPIS.values():
        if _has(result, kpi):
            result[kpi.name] = _ratio(result, kpi)
    named = [name for name in result.index.names if name is not None]
    result = result.reset_index(level=named) if named else result.reset_index(drop=True)
    return result


def _constant(df: pd.DataFrame, groups: Any, keys: list[str]) -> list[str]:
    """What tells the groups' rows apart from nothing: one value in each, or a key's name."""
    named = {name for key in keys for name in _NAME_OF.get(key, ())}
    candidates = [name for name in df.columns if name not in keys and _is_label(name)]
    return [n for n in candidates if n in named or (groups[n].nunique() <= 1).all()]


def _is_label(name: str) -> bool:
    labels = (ColumnKind.ID, ColumnKind.TEXT, ColumnKind.CATEGORY)
    return name == "tactic" or (name in CATALOGUE and CATALOGUE[name].kind in labels)


def _one_row_a_day(df: pd.DataFrame, groups: Any) -> bool:
    if "date" not in df:
        return bool((groups.size() <= 1).all())
    return bool((groups["date"].nunique() == groups.size()).all())


def _with_total(result: pd.DataFrame, whole: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The summary with a last row over all, called total in its first key of text."""
    keys = keys or ["date"]
    texts = [key for key in keys if _is_text(result[key])]
    name = _TOTAL
    while texts and (result[texts[0]].astype("str") == name).any():
        name = f"{name} of all"
    rows = result.astype({key: _with_room(result[key]) for key in keys})
    row = whole.reindex(columns=result.columns)
    row = row.astype({column: dtype for column, dtype in rows.dtypes.items() if column in row})
    if texts:
        row[texts[0]] = pd.Series([name], dtype=rows[texts[0]].dtype, index=row.index)
    both = pd.concat([rows, row], ignore_index=True)
    both.attrs = result.attrs
    _note(both, total={"keys": keys, "named": texts[:1], "name": name})
    return both


def drop_total_row(df: pd.DataFrame) -> pd.DataFrame:
    """The frame without the total row that `summarize` added to it: nothing counts twice."""
    total = frame_metadata(df).get("total")
    if not isinstance(total, dict) or not set(total["keys"]) <= set(df.columns):
        return df
    is_total = np.ones(len(df), dtype=bool)
    for key in total["keys"]:
        named = key in total["named"]
        is_total &= (df[key].astype("str") == total["name"]) if named else df[key].isna()
    rows: pd.DataFrame = df[~is_total]
    rows.attrs = df.attrs | {"sdanalytics": frame_metadata(df) | {"total": None}}
    return rows


def _is_text(key: pd.Series[Any]) -> bool:
    time_or_number = pd.api.types.is_datetime64_any_dtype(key) or (
        pd.api.types.is_numeric_dtype(key)
    )
    return not time_or_number


def _with_room(key: pd.Series[Any]) -> Any:
    """A type that has room for the total's name, or for a missing value where it has none."""
    if _is_text(key):
        return "str"
    if pd.api.types.is_bool_dtype(key):
        return "boolean"
    return "Int64" if pd.api.types.is_integer_dtype(key) else key.dtype


def _note(df: pd.DataFrame, **facts: object) -> None:
    """Keep with the frame how it was made; the plots go by it."""
    df.attrs["sdanalytics"] = frame_metadata(df) | facts


def _within(df: pd.DataFrame, period: tuple[DateLike, DateLike], name: str) -> pd.DataFrame:
    if isinstance(period, str) or not isinstance(period, Sequence) or len(period) != 2:
        raise InvalidRequest(f"{name}={period!r} is no pair of days (first, last)")
    first, last = (pd.Timestamp(parse_day(name, day)) for day in period)
    validate_columns(df, ["date"])
    part = df[(df["date"] >= first) & (df["date"] <= last)]
    if part.empty:
        raise InvalidRequest(f"the frame has no row from {first.date()} to {last.date()} ({name})")
    return part


def _joined(sides: list[pd.DataFrame], keys: list[str], chosen: Sequence[str]) -> pd.DataFrame:
    a, b = (side[[*keys, *chosen]] for side in sides)
    if not keys:
        return a.add_suffix("_a").join(b.add_suffix("_b"))
    joined = a.merge(b, on=keys, how="outer", suffixes=("_a", "_b"), indicator="_in")
    sums = [name for name in chosen if is_additive(name)]
    for side, absent in (("_a", "right_only"), ("_b", "left_only")):
        for name in sums:  # no row is no activity; what is missing in a row stays missing
            column = joined[f"{name}{side}"]
            joined[f"{name}{side}"] = column.mask(joined["_in"] == absent, 0)
    return joined


def _known(names: Sequence[str], df: pd.DataFrame, numbers: Sequence[str]) -> list[str]:
    for name in names:
        if name not in numbers:
            raise missing_metric_error(df, name)
    return list(names)

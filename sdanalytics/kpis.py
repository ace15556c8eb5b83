"""Key figures: ACOS, ROAS, CTR and the rest, as ratios of sums.

Which results count depends on how a campaign is charged, as Amazon tells it: for CPC those
within 14 days of a click, for vCPM those within 14 days of a view or a click.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from sdanalytics.errors import InvalidRequest
from sdanalytics.metrics import CATALOGUE, STATES, Kind
from sdanalytics.names import nearest
from sdanalytics.query import DateLike, as_day

# Each by click, and by view and click.
_RESULTS: Final = {
    "orders": ("attributedConversions14d", "viewAttributedConversions14d"),
    "sales": ("attributedSales14d", "viewAttributedSales14d"),
    "units": ("attributedUnitsOrdered14d", "viewAttributedUnitsOrdered14d"),
    "_ntb_orders": ("attributedOrdersNewToBrand14d", "viewAttributedOrdersNewToBrand14d"),
    "_ntb_sales": ("attributedSalesNewToBrand14d", "viewAttributedSalesNewToBrand14d"),
}


@dataclass(frozen=True)
class Kpi:
    """A ratio: `factor` times `part` by `whole`, both summed first.

    Attributes
    ----------
    name, part, whole : str
    factor : int
    unit : str
        ``fraction`` or ``currency``.
    meaning : str
    """

    name: str
    part: str
    whole: str
    unit: str
    meaning: str
    factor: int = 1


KPIS: Final = {
    kpi.name: kpi
    for kpi in (
        Kpi("ctr", "clicks", "impressions", "fraction", "Click-through rate"),
        Kpi("cpc", "cost", "clicks", "currency", "Cost per click"),
        Kpi("vcpm", "cost", "viewImpressions", "currency", "Cost per 1,000 viewable", 1000),
        Kpi("cvr", "orders", "clicks", "fraction", "Conversion rate: orders per click"),
        Kpi("cpa", "cost", "orders", "currency", "Cost per acquisition: per order"),
        Kpi("aov", "sales", "orders", "currency", "Average order value"),
        Kpi("acos", "cost", "sales", "fraction", "Advertising cost of sales"),
        Kpi("roas", "sales", "cost", "fraction", "Return on advertising spend"),
        Kpi("ntb_order_share", "_ntb_orders", "orders", "fraction", "New-to-brand orders"),
        Kpi("ntb_sales_share", "_ntb_sales", "sales", "fraction", "New-to-brand sales"),
    )
}
"""The ratios, by name: formula, unit and meaning. Fractions are of 1, not of 100."""

_RATES: Final = {"vtr": ("viewImpressions", "impressions"), "vctr": ("clicks", "viewImpressions")}
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
        for CPC, of a view or a click for vCPM. Then the ratios of `KPIS` (float64), missing
        where the denominator is 0 or missing: `ctr` clicks/impressions, `cpc` cost/clicks,
        `vcpm` 1000 cost/viewImpressions, `cvr` orders/clicks, `cpa` cost/orders, `aov`
        sales/orders, `acos` cost/sales, `roas` sales/cost, `ntb_order_share` and
        `ntb_sales_share` (new-to-brand by all). What the columns do not allow is left out.

    Raises
    ------
    InvalidRequest
        When the columns allow none at all; says which `metrics=` would.
    """
    based = _with_results(df)
    made = [name for name in _RESULTS if name in based and not name.startswith("_")]
    ratios = {kpi.name: _ratio(based, kpi) for kpi in KPIS.values() if _has(based, kpi)}
    if not made and not ratios:
        raise InvalidRequest(
            "no key figure can be computed from these columns; fetch with "
            "metrics=['costType', 'impressions', 'clicks', 'cost', 'attributedConversions14d', "
            "'attributedSales14d', 'viewAttributedConversions14d', 'viewAttributedSales14d']"
        )
    return _without_helpers(based).assign(**ratios)


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
        From `fetch_report`.
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
    keys = [by] if isinstance(by, str) else list(by or ())
    check_columns(df, [*keys, *(["date"] if freq else [])])
    based = _with_results(df)
    groups = _grouped(based, keys, freq)
    _refuse_mixed_currencies(based, groups)
    result = _summed(based, groups, keys)
    if total and len(result):
        whole = _summed(based, _grouped(based, [], None), [])
        _refuse_mixed_currencies(based, _grouped(based, [], None))
        result = _with_total(result, whole, keys)
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
    keys = [by] if isinstance(by, str) else list(by or ())
    sides = [
        summarize(_within(df, period, name), keys)
        for period, name in ((period_a, "period_a"), (period_b, "period_b"))
    ]
    shared = [str(name) for name in sides[0] if name in sides[1] and name not in keys]
    numbers = [name for name in shared if _is_number(sides[0][name])]
    chosen = numbers if metrics is None else _known(metrics, numbers)
    joined = _joined(sides, keys, chosen)
    result = joined[keys].copy()
    for name in chosen:
        a, b = joined[f"{name}_a"], joined[f"{name}_b"]
        result[f"{name}_a"], result[f"{name}_b"] = a, b
        result[f"{name}_change"] = b - a
        result[f"{name}_change_share"] = _divide(b - a, a)
    result.attrs = dict(df.attrs)
    return result


def _with_results(df: pd.DataFrame) -> pd.DataFrame:
    """The frame with orders, sales, units and their new-to-brand parts, as far as possible."""
    ready = {name for name in _RESULTS if name in df}
    results = {}
    for name, columns in _RESULTS.items():
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
    return kpi.part in df and kpi.whole in df


def _ratio(df: pd.DataFrame, kpi: Kpi) -> pd.Series[Any]:
    return kpi.factor * _divide(df[kpi.part], df[kpi.whole])


def _divide(part: pd.Series[Any], whole: pd.Series[Any]) -> pd.Series[Any]:
    """A quotient; missing where there is nothing to divide by."""
    numerator, denominator = (
        values.to_numpy(dtype="float64", na_value=np.nan) for values in (part, whole)
    )
    quotient = np.full(len(part), np.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator != 0)
    return pd.Series(quotient, index=part.index)


def _without_helpers(df: pd.DataFrame) -> pd.DataFrame:
    return df.drop(columns=[name for name in _RESULTS if name.startswith("_") and name in df])


def _grouped(df: pd.DataFrame, keys: list[str], freq: str | None) -> Any:
    by: list[Any] = [pd.Grouper(key="date", freq=freq)] if freq else []
    by += keys or ([] if freq else [np.zeros(len(df), dtype="int8")])
    return df.groupby(by, observed=True, dropna=False, sort=True)


def _summed(df: pd.DataFrame, groups: Any, keys: list[str]) -> pd.DataFrame:
    sums = groups[_summable(df)].sum(min_count=1)
    kept = groups[_constant(df, groups, keys)].last()
    result = kept.join(sums)
    if _one_row_a_day(df, groups):
        result = result.join(groups[[name for name in STATES if name in df]].last())
    result = result[groups.size() > 0]
    for name, (part, whole) in _RATES.items():
        if name in df and part in result and whole in result:
            result[name] = _divide(result[part], result[whole])
    for kpi in KPIS.values():
        if _has(result, kpi):
            result[kpi.name] = _ratio(result, kpi)
    named = [name for name in result.index.names if name is not None]
    result = result.reset_index(level=named) if named else result.reset_index(drop=True)
    return _without_helpers(result)


def _summable(df: pd.DataFrame) -> list[str]:
    return [name for name in df.columns if name in _RESULTS or _is_sum(name)]


def _is_sum(name: str) -> bool:
    return name in CATALOGUE and CATALOGUE[name].is_summable


def _constant(df: pd.DataFrame, groups: Any, keys: list[str]) -> list[str]:
    """What tells the groups' rows apart from nothing: one value in each, or a key's name."""
    named = {name for key in keys for name in _NAME_OF.get(key, ())}
    candidates = [name for name in df.columns if name not in keys and _is_label(name)]
    return [n for n in candidates if n in named or (groups[n].nunique() <= 1).all()]


def _is_label(name: str) -> bool:
    labels = (Kind.ID, Kind.TEXT, Kind.CATEGORY)
    return name == "tactic" or (name in CATALOGUE and CATALOGUE[name].kind in labels)


def _one_row_a_day(df: pd.DataFrame, groups: Any) -> bool:
    if "date" not in df:
        return bool((groups.size() <= 1).all())
    return bool((groups["date"].nunique() == groups.size()).all())


def _refuse_mixed_currencies(df: pd.DataFrame, groups: Any) -> None:
    if "currency" not in df or not any(_is_money(name) for name in df.columns):
        return
    if (groups["currency"].nunique() > 1).any():
        currencies = ", ".join(sorted(df["currency"].dropna().astype("str").unique()))
        raise InvalidRequest(
            f"money in {currencies} cannot be added: summarize one currency at a time, or with "
            "'currency' in by="
        )


def _is_money(name: str) -> bool:
    return name == "sales" or (name in CATALOGUE and CATALOGUE[name].kind is Kind.MONEY)


def _with_total(result: pd.DataFrame, whole: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    row = whole.reindex(columns=result.columns)
    texts = [k for k in keys if not pd.api.types.is_numeric_dtype(result[k])]
    if texts:
        result = result.astype({texts[0]: "str"})
        row[texts[0]] = _TOTAL
    return pd.concat([result, row.astype(result.dtypes.to_dict())], ignore_index=True)


def _within(df: pd.DataFrame, period: tuple[DateLike, DateLike], name: str) -> pd.DataFrame:
    if not isinstance(period, tuple) or len(period) != 2:
        raise InvalidRequest(f"{name}={period!r} is no pair of days (first, last)")
    first, last = (pd.Timestamp(as_day(name, day)) for day in period)
    check_columns(df, ["date"])
    part = df[(df["date"] >= first) & (df["date"] <= last)]
    if part.empty:
        raise InvalidRequest(f"the frame has no row from {first.date()} to {last.date()} ({name})")
    return part


def _joined(sides: list[pd.DataFrame], keys: list[str], chosen: Sequence[str]) -> pd.DataFrame:
    a, b = (side[[*keys, *chosen]] for side in sides)
    if not keys:
        return a.add_suffix("_a").join(b.add_suffix("_b"))
    joined = a.merge(b, on=keys, how="outer", suffixes=("_a", "_b"), indicator="_in")
    sums = [name for name in chosen if name in _RESULTS or _is_sum(name)]
    for side, absent in (("_a", "right_only"), ("_b", "left_only")):
        for name in sums:  # no row is no activity; what is missing in a row stays missing
            column = joined[f"{name}{side}"]
            joined[f"{name}{side}"] = column.mask(joined["_in"] == absent, 0)
    return joined


def _is_number(values: pd.Series[Any]) -> bool:
    known = CATALOGUE.get(str(values.name))
    return pd.api.types.is_numeric_dtype(values) and (known is None or known.kind is not Kind.ID)


def _known(names: Sequence[str], there_are: Sequence[str]) -> list[str]:
    for name in names:
        if name not in there_are:
            raise InvalidRequest(
                f"{name!r} is no sum or key figure here{_nearest(name, there_are)}"
            )
    return list(names)


def check_columns(df: pd.DataFrame, names: Iterable[str]) -> None:
    """Raise `InvalidRequest` for a column that is not there, naming the one that was meant."""
    for name in names:
        if name not in df:
            columns = [str(column) for column in df.columns]
            hint = _nearest(name, columns)
            if name in CATALOGUE:
                hint = f"; fetch it with metrics=[..., {name!r}]"
            raise InvalidRequest(f"the frame has no column {name!r}{hint}")


def _nearest(name: object, there_are: Sequence[str]) -> str:
    meant = nearest(name, there_are)
    return f"; did you mean {meant!r}?" if meant else f"; there are {', '.join(there_are)}"

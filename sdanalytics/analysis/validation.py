"""Validation of frames and parameters, before anything is computed or drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from sdanalytics._core.user_warnings import warn_user
from sdanalytics.analysis.column_arrays import number_values
from sdanalytics.analysis.kpi_definitions import is_additive, is_money, metric_unit
from sdanalytics.analysis.metadata import frame_metadata, settle_metadata
from sdanalytics.analysis.missing_columns import missing_column_error
from sdanalytics.analysis.row_groups import RowGroups, pair_codes
from sdanalytics.errors import InvalidRequest

_CURRENCY_ADVICE: Final = "summarize with 'currency' in by="
_BY_EXPECTED: Final = "by must be the name of a column or a list of names"


def validate_frame(df: object) -> pd.DataFrame:
    """Return `df` if it is a frame with unique column names and numeric metrics.

    Raises
    ------
    InvalidRequest
        Naming the column that is wrong, and how to convert it.
    """
    if not isinstance(df, pd.DataFrame):
        raise InvalidRequest(f"the data must be a pandas DataFrame, got {type(df).__name__}")
    if not df.columns.is_unique:
        duplicated = df.columns[df.columns.duplicated()].unique()
        names = ", ".join(map(repr, duplicated))
        raise InvalidRequest(f"column names must be unique, the frame repeats {names}")
    for name, dtype in zip(df.columns.tolist(), df.dtypes, strict=True):
        if is_additive(str(name)) and not pd.api.types.is_numeric_dtype(dtype):
            raise InvalidRequest(
                f"column {name!r} must be numeric, got {dtype}: convert it with "
                f"df[{name!r}] = pd.to_numeric(df[{name!r}])"
            )
    return settle_metadata(df)


def validate_columns(df: pd.DataFrame, names: Iterable[str]) -> None:
    """Raise `InvalidRequest` for a missing column, suggesting the one that was meant."""
    for name in names:
        if name not in df:
            raise missing_column_error(df, name)
        if name == "date":
            _validate_date_column(df[name])


def parse_group_keys(df: pd.DataFrame, by: object) -> list[str]:
    """Return the columns to group by, each once.

    Raises
    ------
    InvalidRequest
        When `by` is neither a name nor a list of names, or a column is missing or holds amounts.
    """
    names = parse_key_list(by)
    validate_columns(df, names)
    for name in names:
        if is_additive(name) or metric_unit(name):
            raise InvalidRequest(
                f"by must name columns of names or ids, got {name!r}, which is an amount"
            )
    return list(dict.fromkeys(names))


def parse_freq(freq: Any) -> str | None:
    """Return a frequency as text that pandas knows; None for None.

    Raises
    ------
    InvalidRequest
        When `freq` is neither text nor an object that pandas takes as a frequency.
    """
    if freq is None:
        return None
    try:
        offset = pd.tseries.frequencies.to_offset(freq)
    except (ValueError, TypeError):
        offset = None
    if offset is None:
        raise InvalidRequest(
            "freq must be a frequency of pandas such as 'D' (days), 'W' (weeks) or 'MS' "
            f"(months), got {freq!r}"
        )
    return str(offset.freqstr)


def validate_level(level: Any) -> float:
    """Return the level of an interval or decision.

    Raises
    ------
    InvalidRequest
        When it is no fraction between 0 and 1.
    """
    if isinstance(level, int | float) and 0 < level < 1:
        return float(level)
    raise InvalidRequest(
        f"level must be between 0 and 1, such as 0.9 for an interval of 90 %, got {level!r}"
    )


def ensure_single_currency(
    df: pd.DataFrame, groups: RowGroups, advice: str = _CURRENCY_ADVICE
) -> None:
    """Raise `InvalidRequest` when a group of rows has money in several currencies."""
    if not has_several_currencies(df):
        return
    if not any(is_money(str(name)) for name in df.columns.tolist()):
        return
    numbers, words = number_values(df["currency"])
    is_known = numbers >= 0
    pairs = pair_codes(groups.codes[is_known], groups.count, numbers[is_known], len(words))
    if len(np.unique(pairs.left)) < len(pairs.left):
        currencies = ", ".join(sorted(df["currency"].dropna().astype("str").unique()))
        raise InvalidRequest(
            f"money in several currencies ({currencies}) cannot be added or compared: take one "
            f"at a time (df[df['currency'] == 'USD']), or {advice}"
        )


def has_several_currencies(df: pd.DataFrame) -> bool:
    """Return whether rows of a frame say that their money is of different currencies."""
    if "currency" not in df:
        return False
    numbers, words = number_values(df["currency"])
    if len(words) < 2:
        return False
    return len(np.unique(numbers[numbers >= 0])) > 1


def warn_of_unknown_currency(df: pd.DataFrame) -> None:
    """Warn when a report's money may be of several currencies, because nothing says which.

    `concat`, `merge` and CSV drop the metadata, which has the currency.
    """
    is_report = "tactic" in df
    if not is_report or "currency" in frame_metadata(df):
        return
    if not any(is_money(str(name)) for name in df.columns.tolist()):
        return
    if "currency" not in df or df["currency"].isna().any():
        warn_user(
            "the currency of this money is unknown: nothing tells whether it is one currency. "
            "The frame has lost its metadata (as in pandas' concat and merge, or in CSV): fetch "
            "the metric 'currency' with it, or set df['currency']"
        )


def parse_key_list(by: object) -> list[str]:
    """Return the names that `by` lists.

    Raises
    ------
    InvalidRequest
        When it is neither a name nor a list of names.
    """
    if by is None:
        return []
    if isinstance(by, str):
        return [by]
    if not isinstance(by, Sequence):
        raise InvalidRequest(f"{_BY_EXPECTED}, got {type(by).__name__}")
    names = list(by)
    if not all(isinstance(name, str) for name in names):
        raise InvalidRequest(f"{_BY_EXPECTED}, got {by!r}")
    return names


def _validate_date_column(days: pd.Series[Any]) -> None:
    if isinstance(days.dtype, pd.DatetimeTZDtype):
        raise InvalidRequest(
            "the column 'date' must have no time zone, for its days are calendar days: "
            "df['date'] = df['date'].dt.tz_localize(None)"
        )
    if not pd.api.types.is_datetime64_any_dtype(days):
        raise InvalidRequest(
            f"the column 'date' must hold days (datetime64), got {days.dtype}: "
            "df['date'] = pd.to_datetime(df['date'])"
        )

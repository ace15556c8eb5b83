"""What a frame must be like to be summed up or drawn; said before anything is computed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from sdanalytics.analysis.kpi_definitions import (
    is_additive,
    is_money,
    metric_unit,
    missing_column_error,
)
from sdanalytics.errors import InvalidRequest


def validate_frame(df: object) -> pd.DataFrame:
    """The frame, if it is one whose columns can be told apart and added up."""
    if not isinstance(df, pd.DataFrame):
        raise InvalidRequest(f"this is no DataFrame but a {type(df).__name__}")
    if not df.columns.is_unique:
        twice = ", ".join(map(repr, df.columns[df.columns.duplicated()].unique()))
        raise InvalidRequest(f"the frame has columns of the same name: {twice}")
    for name in df.columns:
        if is_additive(str(name)) and not pd.api.types.is_numeric_dtype(df[name]):
            raise InvalidRequest(
                f"{name!r} holds no numbers but {df[name].dtype}: convert it with "
                f"df[{name!r}] = pd.to_numeric(df[{name!r}])"
            )
    return df


def validate_columns(df: pd.DataFrame, names: Iterable[str]) -> None:
    """Raise `InvalidRequest` for a column that is not there, naming the one that was meant."""
    for name in names:
        if name not in df:
            raise missing_column_error(df, name)
        if name == "date":
            _check_days(df[name])


def parse_group_keys(df: pd.DataFrame, by: object) -> list[str]:
    """The columns that `by` means, each once."""
    names: list[Any] = [by] if isinstance(by, str) else _listed(by)
    if not all(isinstance(name, str) for name in names):
        raise InvalidRequest(f"by={by!r} is neither the name of a column nor a list of names")
    validate_columns(df, names)
    for name in names:
        if is_additive(name) or metric_unit(name):
            raise InvalidRequest(f"by={name!r}: {name} is an amount; group by a name or an id")
    return list(dict.fromkeys(names))


def validate_freq(freq: Any) -> None:
    """Raise `InvalidRequest` for what is no frequency of pandas."""
    try:
        if freq is not None and pd.tseries.frequencies.to_offset(freq) is not None:
            return
    except (ValueError, TypeError):
        pass
    raise InvalidRequest(
        f"freq={freq!r} is no frequency of pandas such as 'D' (days), 'W' (weeks), 'MS' (months)"
    )


def ensure_single_currency(df: pd.DataFrame, groups: Any) -> None:
    """Raise `InvalidRequest` when a group of rows has money in several currencies."""
    if "currency" not in df or not any(is_money(str(name)) for name in df.columns):
        return
    if (groups["currency"].nunique() > 1).any():
        currencies = ", ".join(sorted(df["currency"].dropna().astype("str").unique()))
        raise InvalidRequest(
            f"money in several currencies ({currencies}) cannot be added or compared: take one "
            "at a time (df[df['currency'] == 'USD']), or summarize with 'currency' in by="
        )


def _listed(by: object) -> list[Any]:
    if by is None:
        return []
    if isinstance(by, Sequence):
        return list(by)
    raise InvalidRequest(
        f"by={type(by).__name__} is neither the name of a column nor a list of names"
    )


def _check_days(days: pd.Series[Any]) -> None:
    if isinstance(days.dtype, pd.DatetimeTZDtype):
        raise InvalidRequest(
            "the column 'date' has a time zone; days are calendar days: "
            "df['date'] = df['date'].dt.tz_localize(None)"
        )
    if not pd.api.types.is_datetime64_any_dtype(days):
        raise InvalidRequest(
            f"the column 'date' holds no days but {days.dtype}: "
            "df['date'] = pd.to_datetime(df['date'])"
        )

"""Columns of a sheet: what is written into their cells, and in which number format."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.column_arrays import number_values
from sdanalytics.analysis.column_units import ColumnUnit, find_unit
from sdanalytics.analysis.explanation import EXPLAINED
from sdanalytics.analysis.kpi_definitions import metric_unit
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.analysis.validation import has_several_currencies
from sdanalytics.delivery.number_formats import (
    DATE_FORMAT,
    TEXT_FORMAT,
    TIME_FORMAT,
    choose_number_format,
)
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.metrics import CATALOGUE, ColumnKind
from sdanalytics.plots.metric_labels import frame_currency

FORMULA_BEGINNINGS: Final = tuple("=+-@\t\r\n")
"""Beginnings of texts that spreadsheets take for a formula when somebody types them."""
_MAX_NUMBER: Final = 10**15
"""Spreadsheets keep 15 digits of a number: from here on whole numbers are written as text."""
_MAX_EXACT: Final = 2**53
"""Whole numbers beyond this are not exact in float64."""
_ID_NAME: Final = re.compile(r"\w*(Id|_id|ID)")
_FIRST_DAY: Final = pd.Timestamp(1900, 3, 1)
"""Spreadsheets do not agree on the days before."""
_LAST_DAY: Final = pd.Timestamp(9999, 12, 31)
_MIN_WIDTH: Final = 9
_MAX_WIDTH: Final = 44
_FILTER_WIDTH: Final = 3
"""Room for the arrow of a filter beside a header."""
_FACTOR_VALUES: Final = ("value_a", "value_b")
_CODE_WIDTH: Final = 4
_MEASURED_ROWS: Final = 10_000
"""Rows whose texts decide the width of their column."""
_TIME_WIDTHS: Final = {"day": 11, "instant": 19, "boolean": 8}


class CellKind(Enum):
    """The kind of the cells of a column."""

    TEXT = "text"
    NUMBER = "number"
    DAY = "day"
    INSTANT = "instant"
    BOOLEAN = "boolean"


@dataclass(frozen=True)
class SheetColumn:
    """A column of a sheet.

    Attributes
    ----------
    name : str
    kind : CellKind
    unit : ColumnUnit
    number_format : str
        The format of all cells, unless the rows have their own.
    row_formats : list of str or None
        The format of each row, where money is of several currencies, or factors have units.
    width : int
        In characters.
    """

    name: str
    kind: CellKind
    unit: ColumnUnit
    number_format: str
    row_formats: list[str] | None
    width: int

    def find_format(self, row: int) -> str:
        """Return the format of a row's cell."""
        if self.row_formats is None:
            return self.number_format
        return self.row_formats[row]

    def to_cells(self, values: pd.Series[Any]) -> list[Any]:
        """Return values as they are written, None where missing."""
        if self.kind is CellKind.INSTANT:
            values = _drop_zone(values)
        cells: list[Any] = values.tolist()
        if self.kind is CellKind.TEXT:
            cells = list(map(to_text, cells))
        is_missing = values.isna().to_numpy()
        for position in np.flatnonzero(is_missing).tolist():
            cells[position] = None
        return cells


def plan_columns(df: pd.DataFrame, totals: Sequence[Mapping[str, Any]]) -> list[SheetColumn]:
    """Return how the columns of a frame are written, wide enough for its totals, too."""
    currency = None
    if not has_several_currencies(df):
        currency = frame_currency(df)
    columns = []
    for name in df.columns.tolist():
        values = df[name]
        kind = choose_cell_kind(name, values)
        unit = find_unit(df, name)
        number_format = _choose_format(kind, unit, currency, values)
        row_formats = None
        if kind is CellKind.NUMBER:
            row_formats = _list_row_formats(df, name, unit)
        numbers = [cells.get(name) for cells in totals]
        width = _measure_width(name, kind, values, numbers)
        column = SheetColumn(name, kind, unit, number_format, row_formats, width)
        columns.append(column)
    return columns


def ensure_exact_ids(df: pd.DataFrame) -> None:
    """Raise `InvalidRequest` when ids are rounded already."""
    for name in df.columns.tolist():
        if not _is_named_as_id(name):
            continue
        values = df[name]
        if not pd.api.types.is_float_dtype(values):
            continue
        is_rounded = values.abs() > _MAX_EXACT
        if is_rounded.any():
            raise InvalidRequest(
                f"{name} must hold whole numbers, got {values.dtype}, which has rounded long "
                f"ids: convert it where it still has them, df[{name!r}].astype('Int64')"
            )


def to_text(value: object) -> str:
    """Return a value as text; whole numbers without decimals, broken characters as ``?``."""
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    encoded = str(value).encode("utf-8", "replace")
    return encoded.decode("utf-8")


def is_id_column(name: str, values: pd.Series[Any]) -> bool:
    """Return whether a column has numbers that are no amounts: ids, or too long for one."""
    if not pd.api.types.is_numeric_dtype(values):
        return False
    if _is_named_as_id(name):
        return True
    if not pd.api.types.is_integer_dtype(values):
        return False
    is_long = values.abs() >= _MAX_NUMBER
    return bool(is_long.any())


def _is_named_as_id(name: object) -> bool:
    text = str(name)
    metric = CATALOGUE.get(text)
    if metric is not None:
        return metric.kind is ColumnKind.ID
    return _ID_NAME.fullmatch(text) is not None


def choose_cell_kind(name: str, values: pd.Series[Any]) -> CellKind:
    """Return the kind of the cells of a column; ids are text."""
    if pd.api.types.is_bool_dtype(values):
        return CellKind.BOOLEAN
    if pd.api.types.is_datetime64_any_dtype(values):
        return _choose_time_kind(values)
    if not pd.api.types.is_numeric_dtype(values):
        return CellKind.TEXT
    if is_id_column(name, values):
        return CellKind.TEXT
    return CellKind.NUMBER


def _choose_time_kind(values: pd.Series[Any]) -> CellKind:
    moments = _drop_zone(values).dropna()
    is_outside = (moments < _FIRST_DAY) | (moments > _LAST_DAY)
    if is_outside.any():
        return CellKind.TEXT
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return CellKind.INSTANT
    is_day = moments == moments.dt.normalize()
    if is_day.all():
        return CellKind.DAY
    return CellKind.INSTANT


def _drop_zone(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return moments in UTC without a time zone, which spreadsheets do not have."""
    if not isinstance(values.dtype, pd.DatetimeTZDtype):
        return values
    in_utc = values.dt.tz_convert("UTC")
    without_zone: pd.Series[Any] = in_utc.dt.tz_localize(None)
    return without_zone


def _choose_format(
    kind: CellKind, unit: ColumnUnit, currency: str | None, values: pd.Series[Any]
) -> str:
    if kind is CellKind.DAY:
        return DATE_FORMAT
    if kind is CellKind.INSTANT:
        return TIME_FORMAT
    if kind is CellKind.NUMBER:
        is_whole = pd.api.types.is_integer_dtype(values)
        return choose_number_format(unit, currency, is_whole=is_whole)
    if kind is CellKind.TEXT:
        return TEXT_FORMAT
    return "General"


def _list_row_formats(df: pd.DataFrame, name: str, unit: ColumnUnit) -> list[str] | None:
    """Return the formats of rows, where they differ."""
    if unit.unit == "currency" and has_several_currencies(df):
        return _format_by_currency(df, name, unit)
    is_explanation = EXPLAINED in frame_metadata(df)
    if is_explanation and name in _FACTOR_VALUES:
        return _format_by_factor(df)
    return None


def _format_by_currency(df: pd.DataFrame, name: str, unit: ColumnUnit) -> list[str]:
    is_whole = pd.api.types.is_integer_dtype(df[name])
    numbers, codes = number_values(df["currency"])
    by_number = []
    for code in [*codes, None]:  # the last is that of the number -1, which missing ones have
        number_format = choose_number_format(unit, code, is_whole=is_whole)
        by_number.append(number_format)
    return [by_number[number] for number in numbers]


def _format_by_factor(df: pd.DataFrame) -> list[str]:
    currency = frame_currency(df)
    formats = []
    for factor in df["factor"].tolist():
        unit = metric_unit(factor) or "fraction"  # that of `share`
        factor_unit = ColumnUnit(factor, unit)
        number_format = choose_number_format(factor_unit, currency, is_whole=False)
        formats.append(number_format)
    return formats


def _measure_width(name: str, kind: CellKind, values: pd.Series[Any], totals: Sequence[Any]) -> int:
    """Return the width that shows header and cells, within limits."""
    if kind is CellKind.TEXT:
        measured = values.head(_MEASURED_ROWS)
        known = measured.dropna()
        texts = map(to_text, known)
        longest = max(map(len, texts), default=0)
    elif kind is CellKind.NUMBER:
        longest = _measure_numbers(values, totals)
    else:
        longest = _TIME_WIDTHS[kind.value]
    header = len(name) + _FILTER_WIDTH
    needed = max(longest + 2, header, _MIN_WIDTH)
    return min(needed, _MAX_WIDTH)


def _measure_numbers(values: pd.Series[Any], totals: Sequence[Any]) -> int:
    """Return the length of the longest number, with decimals and the code of a currency."""
    longest = 0
    for number in (values.min(), values.max(), *totals):
        if isinstance(number, str) or pd.isna(number):
            continue
        text = f"{float(number):,.2f}"
        longest = max(longest, len(text))
    return longest + _CODE_WIDTH

"""Excel's number formats of units and currencies."""

from __future__ import annotations

import re
from typing import Final

from sdanalytics.analysis.column_units import ColumnUnit
from sdanalytics.analysis.kpi_definitions import KPIS

DATE_FORMAT: Final = "yyyy-mm-dd"
TIME_FORMAT: Final = "yyyy-mm-dd hh:mm:ss"
TEXT_FORMAT: Final = "@"
_COUNT: Final = "#,##0"
_DECIMAL: Final = "#,##0.00"
_EXPECTED_COUNT: Final = "#,##0.0"
_PERCENT: Final = "0.00%"
_CURRENCY_CODE: Final = re.compile(r"[A-Z]{3}")
_WITHOUT_MINOR_UNIT: Final = frozenset(
    (
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "UYI",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    )
)
"""Currencies whose amounts have no decimals (ISO 4217, minor unit 0)."""


def choose_number_format(unit: ColumnUnit, currency: str | None, *, is_whole: bool) -> str:
    """Return the format of numbers.

    Parameters
    ----------
    unit : ColumnUnit
    currency : str or None
        The code that money is written with; None, and anything that is no code: without one.
    is_whole : bool
        Whether the numbers are whole by their type.
    """
    if unit.unit == "currency":
        number = _money_format(unit.metric, currency)
    elif unit.unit == "fraction":
        number = _PERCENT
    elif unit.unit == "ratio":
        number = _DECIMAL
    elif unit.unit == "count":
        number = _COUNT if is_whole else _EXPECTED_COUNT
    else:
        return "0" if is_whole else "General"
    if unit.is_change:
        return f"+{number};-{number};{number}"
    return number


def _money_format(metric: str, currency: str | None) -> str:
    """Return the format of amounts; costs per click and the like have decimals in any currency."""
    has_decimals = currency not in _WITHOUT_MINOR_UNIT or metric in KPIS
    number = _DECIMAL if has_decimals else _COUNT
    if currency is None or not _CURRENCY_CODE.fullmatch(currency):
        return number
    return f"[${currency}] {number}"

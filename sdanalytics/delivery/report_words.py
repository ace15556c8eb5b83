"""Numbers, names and days as a report writes them."""

from __future__ import annotations

import math
from datetime import date
from typing import Final

from sdanalytics._core.printable import to_printable
from sdanalytics.analysis.kpi_definitions import metric_unit
from sdanalytics.analysis.rate_changes import Interval

NOT_KNOWN: Final = "–"
"""Written where there is no number."""
_SPACE: Final = "\N{NO-BREAK SPACE}"
_MINUS: Final = "\N{MINUS SIGN}"
_WITHOUT_CENTS: Final = ("JPY", "KRW", "CLP")
_WITHOUT_CENTS_FROM: Final = 1000
_SMALL_POINTS: Final = 0.1
_MAX_PERCENT: Final = 99
_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun",
    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip
_MAX_NAME_LENGTH: Final = 80
_MAX_REASON_LENGTH: Final = 300


def word_name(name: object) -> str:
    """Return a name on one line, without control characters, cut if it is long."""
    text = _print_plainly(name)
    return _cut(text or "(no name)", _MAX_NAME_LENGTH)


def word_reason(reason: object) -> str:
    """Return the message of an error or a warning, cut if it is long."""
    text = _print_plainly(reason)
    return _cut(text, _MAX_REASON_LENGTH)


def word_number(
    value: float,
    unit: str,
    currency: str = "",
    *,
    is_signed: bool = False,
) -> str:
    """Return a number with its unit: money with its currency, fractions as per cent.

    Parameters
    ----------
    value : float
    unit : str
        As of `metric_unit`.
    currency : str
        A code; without it money has none.
    is_signed : bool
        Whether positive numbers have a sign, too.
    """
    if not math.isfinite(value):
        return NOT_KNOWN
    if unit == "fraction":
        value = 100 * value
    decimals = _choose_decimals(value, unit, currency)
    number = _format_decimals(value, decimals, is_signed=is_signed)
    if unit == "fraction":
        return _add_unit(number, "%")
    if unit == "currency" and currency:
        return _add_unit(number, currency)
    return number


def _choose_decimals(value: float, unit: str, currency: str) -> int:
    size = abs(value)
    if unit == "count" or currency in _WITHOUT_CENTS:
        return 0
    if unit == "currency" and size >= _WITHOUT_CENTS_FROM:
        return 0
    if unit == "fraction" and (size >= 1 or size == 0):
        return 1
    return 2


def word_metric(
    metric: str,
    value: float,
    currency: str = "",
    *,
    is_signed: bool = False,
) -> str:
    """Return a metric's number with its unit."""
    unit = metric_unit(metric)
    return word_number(value, unit, currency, is_signed=is_signed)


def word_points(value: float) -> str:
    """Return a difference of fractions in percentage points, with its sign."""
    if not math.isfinite(value):
        return NOT_KNOWN
    points = 100 * value
    size = abs(points)
    decimals = 2 if 0 < size < _SMALL_POINTS else 1
    number = _format_decimals(points, decimals, is_signed=True)
    return _add_unit(number, "points")


def word_step(metric: str, value: float, currency: str) -> str:
    """Return a difference of a metric, with its sign: percentage points for fractions."""
    unit = metric_unit(metric)
    if unit == "fraction":
        return word_points(value)
    return word_number(value, unit, currency, is_signed=True)


def word_percent(share: float) -> str:
    """Return a relative change in per cent, with its sign."""
    if not math.isfinite(share):
        return NOT_KNOWN
    number = _format_decimals(100 * share, 1, is_signed=True)
    return _add_unit(number, "%")


def word_probability(probability: float) -> str:
    """Return a probability in per cent, which is never quite 0 or 100."""
    if not math.isfinite(probability):
        return NOT_KNOWN
    percent = round(100 * probability)
    if percent > _MAX_PERCENT:
        return _add_unit(f"> {_MAX_PERCENT}", "%")
    if percent < 1:
        return _add_unit("< 1", "%")
    return _add_unit(str(percent), "%")


def word_level(level: float) -> str:
    """Return the level of an interval."""
    percent = round(100 * level)
    return _add_unit(str(percent), "%")


def word_difference(share: float) -> str:
    """Return how much more or less something is, in per cent."""
    size = abs(share)
    number = _format_decimals(100 * size, 1)
    if number == "0.0":
        return "about as much as"
    percent = _add_unit(number, "%")
    direction = "more" if share > 0 else "less"
    return f"{percent} {direction} than"


def word_range(low: str, high: str) -> str:
    """Return bounds, whose unit is written once if both have the same."""
    number, space, unit = low.rpartition(_SPACE)
    if space and high.endswith(space + unit):
        return f"{number} to {high}"
    return f"{low} to {high}"


def word_chance(chance: Interval) -> str:
    """Return the bounds of a relative change."""
    low = word_percent(chance.low - 1)
    if math.isinf(chance.high):
        return f"{low} or more"
    high = word_percent(chance.high - 1)
    return word_range(low, high)


def word_period(first: date, last: date) -> str:
    """Return days as text, such as ``9 Nov to 15 Nov 2026``."""
    end = word_day(last)
    if first == last:
        return end
    begin = word_day(first)
    if first.year == last.year:
        begin = _word_month_day(first)
    return f"{begin} to {end}"


def word_day(day: date) -> str:
    """Return a day as text that stays on one line."""
    month_day = _word_month_day(day)
    year = str(day.year)
    return _add_unit(month_day, year)


def _word_month_day(day: date) -> str:
    month = _MONTHS[day.month - 1]
    number = str(day.day)
    return _add_unit(number, month)


def count_things(count: int, noun: str) -> str:
    """Return a number of things, such as ``1 target`` or ``1,200 targets``."""
    ending = "" if count == 1 else "s"
    return f"{count:,} {noun}{ending}"


def start_sentence(text: str) -> str:
    """Return a text that begins with a capital letter."""
    initial = text[:1]
    return initial.upper() + text[1:]


def _print_plainly(text: object) -> str:
    line = to_printable(str(text))
    return line.strip()


def _cut(text: str, length: int) -> str:
    if len(text) <= length:
        return text
    return text[: length - 1] + "…"


def _format_decimals(value: float, decimals: int, *, is_signed: bool = False) -> str:
    """Return a number with separators, and a minus that is as wide as a plus."""
    sign = "+" if is_signed else ""
    number = f"{value:{sign},.{decimals}f}"
    return number.replace("-", _MINUS)


def _add_unit(number: str, unit: str) -> str:
    return number + _SPACE + unit

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
_MAX_NAME_LENGTH: Final = 80
_MAX_REASON_LENGTH: Final = 300


def word_name(name: object) -> str:
    """Return a name on one line, without control characters, cut if it is long."""
    text = to_printable(str(name)).strip() or "(no name)"
    return _cut(text, _MAX_NAME_LENGTH)


def word_reason(reason: object) -> str:
    """Return the message of an error or a warning, cut if it is long."""
    text = to_printable(str(reason)).strip()
    return _cut(text, _MAX_REASON_LENGTH)


def word_number(value: float, unit: str, currency: str = "", *, is_signed: bool = False) -> str:
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
    sign = "+" if is_signed else ""
    if unit == "fraction":
        percent = 100 * value
        decimals = 1 if abs(percent) >= 1 or not percent else 2
        return _put_sign(f"{percent:{sign},.{decimals}f}") + f"{_SPACE}%"
    if unit == "currency":
        decimals = 0 if abs(value) >= 1000 or currency in _WITHOUT_CENTS else 2
        number = _put_sign(f"{value:{sign},.{decimals}f}")
        return f"{number}{_SPACE}{currency}" if currency else number
    decimals = 0 if unit == "count" else 2
    return _put_sign(f"{value:{sign},.{decimals}f}")


def word_metric(metric: str, value: float, currency: str = "", *, is_signed: bool = False) -> str:
    """Return a metric's number with its unit."""
    return word_number(value, metric_unit(metric), currency, is_signed=is_signed)


def word_points(value: float) -> str:
    """Return a difference of fractions in percentage points, with its sign."""
    if not math.isfinite(value):
        return NOT_KNOWN
    points = 100 * value
    decimals = 1 if abs(points) >= 0.1 or not points else 2
    return _put_sign(f"{points:+,.{decimals}f}") + f"{_SPACE}points"


def word_step(metric: str, value: float, currency: str) -> str:
    """Return a difference of a metric, with its sign: percentage points for fractions."""
    if metric_unit(metric) == "fraction":
        return word_points(value)
    return word_metric(metric, value, currency, is_signed=True)


def word_percent(share: float) -> str:
    """Return a relative change in per cent, with its sign."""
    if not math.isfinite(share):
        return NOT_KNOWN
    return _put_sign(f"{100 * share:+,.1f}") + f"{_SPACE}%"


def word_level(level: float) -> str:
    """Return the level of an interval."""
    return f"{100 * level:.0f}{_SPACE}%"


def word_difference(share: float) -> str:
    """Return how much more or less something is, in per cent."""
    percent = f"{100 * abs(share):,.1f}{_SPACE}%"
    if percent.startswith("0.0"):
        return "about as much as"
    return f"{percent} {'more' if share > 0 else 'less'} than"


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
    return word_range(low, word_percent(chance.high - 1))


def word_period(first: date, last: date) -> str:
    """Return days as text."""
    if first == last:
        return first.isoformat()
    return f"{first} to {last}"


def count_things(count: int, noun: str) -> str:
    """Return a number of things, such as ``1 target`` or ``1,200 targets``."""
    ending = "" if count == 1 else "s"
    return f"{count:,} {noun}{ending}"


def _cut(text: str, length: int) -> str:
    if len(text) > length:
        return text[: length - 1] + "…"
    return text


def _put_sign(number: str) -> str:
    """Return a number with a minus that is as wide as a plus."""
    return number.replace("-", _MINUS)

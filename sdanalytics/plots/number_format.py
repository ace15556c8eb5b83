"""Numbers in figures: values as text, and ticks of numeric axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from matplotlib.axis import Axis
from matplotlib.ticker import Formatter, MaxNLocator

_MISSING: Final = "missing"
_THOUSAND: Final = 1e3
_TEN_THOUSAND: Final = 1e4
_SUFFIXES: Final = ((1e12, "T"), (1e9, "B"), (1e6, "M"))
_MAX_READABLE: Final = 1e18
"""Numbers from here on are written with an exponent."""
_MAX_DECIMALS: Final = 6
_TICK_STEPS: Final = (1, 2, 2.5, 5, 10)
_MAX_TICK_INTERVALS: Final = 5
_TICK_ROOM: Final = 0.6
"""Ticks that have room where matplotlib counts one: it counts with labels of three letters."""


def format_number(value: float, unit: str = "", *, short: bool = False) -> str:
    """Format a value with thousands separators, and fractions as per cent.

    `short` is for small cells: it shortens tens of thousands, too.
    """
    if value != value:
        return _MISSING
    if unit == "fraction":
        return _format_percent(value)
    size = abs(value)
    if size >= _MAX_READABLE:
        return f"{value:.3g}"
    divisor, suffix = _large_unit(size)
    if suffix:
        number = f"{value / divisor:,.2f}"
        return _strip_zeros(number) + suffix
    if short and size >= _TEN_THOUSAND:
        thousands = value / 1000
        return f"{thousands:,.0f}k"
    is_whole = size >= 10 or value == int(value)
    decimals = 0 if is_whole else 2
    return f"{value:,.{decimals}f}"


def format_tightly(value: float, unit: str = "") -> str:
    """Format a value with about two digits, for cells that have no room for more."""
    size = abs(value)
    if unit == "fraction":
        return f"{100 * value:,.0f}%"
    if _THOUSAND <= size < _TEN_THOUSAND:
        return f"{value / _THOUSAND:.1f}k"
    return format_number(value, unit, short=True)


class StepFormat:
    """Totals, and the steps between them, with the same decimals: a reader can add them up.

    Parameters
    ----------
    unit : str
        As of `metric_unit`: fractions are shown as per cent, their steps in percentage points.
    largest_total, largest_step : float
        Sizes, which decide the decimals.
    currency : str
        The code that money is written with.
    """

    def __init__(
        self, unit: str, largest_total: float, largest_step: float, currency: str = ""
    ) -> None:
        self._suffix = ""
        self._step_suffix = ""
        divisor, letter = _large_unit(largest_total)
        if unit == "fraction":
            divisor = 0.01
            self._suffix = "%"
            self._step_suffix = " pp"
        elif unit == "currency" and currency:
            self._suffix = f"{letter} {currency}"
            self._step_suffix = self._suffix
        else:
            self._suffix = letter
            self._step_suffix = letter
        self._divisor = divisor
        self._decimals = _step_decimals(largest_step / divisor)

    def format_total(self, value: float) -> str:
        """Format a total."""
        scaled = value / self._divisor
        number = f"{scaled:,.{self._decimals}f}"
        return number + self._suffix

    def format_step(self, value: float) -> str:
        """Format a step, with its sign."""
        scaled = value / self._divisor
        number = f"{scaled:+,.{self._decimals}f}"
        return number + self._step_suffix


def _step_decimals(largest_step: float) -> int:
    """Return the decimals that show two digits of the largest step, and three from 1 on."""
    if largest_step <= 0 or not math.isfinite(largest_step):
        return 0
    exponent = math.floor(math.log10(largest_step))
    digits = 2 if exponent < 0 else 3
    decimals = digits - 1 - exponent
    return min(max(decimals, 0), _MAX_DECIMALS)


def _large_unit(size: float) -> tuple[float, str]:
    """Return what large numbers are counted in, and its letter: millions, billions, trillions."""
    for divisor, suffix in _SUFFIXES:
        if size >= divisor:
            return divisor, suffix
    return 1.0, ""


def _format_percent(value: float) -> str:
    size = abs(value)
    if size >= 0.2:
        decimals = 0
    elif size >= 0.02:
        decimals = 1
    else:
        decimals = 2
    percent = 100 * value
    text = f"{percent:,.{decimals}f}"
    return _strip_zeros(text) + "%"


def _strip_zeros(number: str) -> str:
    """Remove zeros at the end of the decimals."""
    if "." not in number:
        return number
    number = number.rstrip("0")
    return number.rstrip(".")


def format_number_axis(axis: Axis, unit: str) -> None:
    """Set few round ticks, for counts at whole numbers."""
    axis.set_major_locator(number_locator(unit))
    axis.set_major_formatter(NumberFormatter(unit))


def number_locator(unit: str) -> MaxNLocator:
    """Return a locator of few round ticks, for counts at whole numbers."""
    is_count = unit == "count"
    return _RoomyLocator(_MAX_TICK_INTERVALS, steps=_TICK_STEPS, integer=is_count)


class _RoomyLocator(MaxNLocator):
    """Few round ticks, and fewer still on an axis that is too short for their labels."""

    def __call__(self) -> Any:
        """Return the ticks, for the size that the axis has when it is drawn."""
        axis: Any = self.axis
        room = int(_TICK_ROOM * axis.get_tick_space())
        interval_count = min(max(room, 1), _MAX_TICK_INTERVALS)
        min_tick_count = min(interval_count, 2)
        self.set_params(
            nbins=interval_count,
            min_n_ticks=min_tick_count,
        )
        return super().__call__()


class NumberFormatter(Formatter):
    """Ticks with as many decimals as it takes to distinguish them.

    Parameters
    ----------
    unit : str
        As of `metric_unit`: fractions are shown as per cent.
    """

    def __init__(self, unit: str) -> None:
        self._unit = unit

    def __call__(self, value: float, position: int | None = None) -> str:
        """Format a single tick."""
        return self.format_ticks([value])[0]

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """Format all ticks of an axis alike, but 0 of millions as itself."""
        if max(map(abs, values), default=0.0) >= _MAX_READABLE:
            return [f"{value:.3g}" for value in values]
        scale, suffix = self._choose_scale(values)
        scaled = [value * scale for value in values]
        decimals = _needed_decimals(scaled)
        labels = []
        for value in scaled:
            number = f"{value:,.{decimals}f}{suffix}"
            if value == 0 and suffix not in ("", "%"):
                number = "0"
            labels.append(number)
        return labels

    def _choose_scale(self, values: Sequence[float]) -> tuple[float, str]:
        if self._unit == "fraction":
            return 100.0, "%"
        largest = max(map(abs, values), default=0.0)
        divisor, suffix = _large_unit(largest)
        return 1 / divisor, suffix


def _needed_decimals(values: Sequence[float]) -> int:
    for decimals in range(_MAX_DECIMALS):
        if _are_exact(values, decimals):
            return decimals
    return _MAX_DECIMALS


def _are_exact(values: Sequence[float], decimals: int) -> bool:
    """Return whether the given decimals show the values without a visible error."""
    tolerance = 1e-4 * 10**-decimals
    for value in values:
        error = round(value, decimals) - value
        if not abs(error) < tolerance:  # NaN is not exact, either
            return False
    return True

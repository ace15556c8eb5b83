"""Logarithmic scales of amounts, which have a place for 0 and for values below it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from matplotlib.axis import Axis
from matplotlib.scale import SymmetricalLogTransform
from matplotlib.ticker import FuncFormatter, Locator, NullLocator

from sdanalytics.analysis.row_groups import FloatArray
from sdanalytics.plots.number_format import format_number

_BASE: Final = 10
_MIN_RATIO: Final = 10.0
"""Amounts that differ less are drawn on a linear scale, and no logarithmic scale is shorter."""
_MARGIN: Final = 0.1
"""Room at either end of a scale, as a share of its length."""
_ZERO_SHARE: Final = 0.12
"""The distance from 0 to the smallest amount, as a share of that from there to the largest."""
_MIN_ZERO_DISTANCE: Final = 0.25
"""The same in powers of ten, at least."""
_DIGITS: Final = (
    (1, 2, 5),
    (1, 3),
    (1,),
)
"""First digits of ticks; the densest for which there is room."""
_MAX_TICKS: Final = 6
_TICK_ROOM: Final = 0.6
"""Ticks that have room where matplotlib counts one: it counts with labels of three letters."""


@dataclass(frozen=True)
class LogScale:
    """A scale that is logarithmic from its threshold on; 0 and negative values lie below.

    Attributes
    ----------
    threshold : float
        No amount but 0 is smaller.
    largest : float
        The largest size of a value.
    has_zero, has_negative : bool
        Whether the scale includes 0, and values below it.
    """

    threshold: float
    largest: float
    has_zero: bool
    has_negative: bool

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of `matplotlib.axes.Axes.set_xscale`."""
        if not self.has_zero:
            return {"value": "log"}
        return {
            "value": "symlog",
            "linthresh": self.threshold,
            "linscale": self._zero_distance,
        }

    @property
    def _zero_distance(self) -> float:
        """The distance from 0 to the threshold, in powers of ten; matplotlib adds a ninth."""
        decades = math.log10(self.largest / self.threshold)
        return max(_ZERO_SHARE * decades, _MIN_ZERO_DISTANCE)

    @property
    def zero_band(self) -> tuple[float, float]:
        """The values around 0 that no value but 0 is between."""
        half = self.threshold / 2
        return -half, half

    def find_limits(self, values: FloatArray) -> tuple[float, float]:
        """Return the limits of an axis with room for values, and for marks at 0."""
        if not self.has_zero:
            positive = values[values > 0]
            return _widen(positive)
        transform = SymmetricalLogTransform(
            _BASE,
            self.threshold,
            self._zero_distance,
        )
        positions: Any = transform.transform_non_affine(values)
        low = positions.min()
        high = positions.max()
        margin = _MARGIN * (high - low)
        widened = np.array([low - margin, high + margin])
        limits: Any = transform.inverted().transform_non_affine(widened)
        first, last = limits.tolist()
        band_start, band_end = self.zero_band
        if not self.has_negative:
            first = band_start
        return first, max(last, band_end)


def choose_log_scales(
    values: FloatArray,
    others: FloatArray,
) -> tuple[LogScale, LogScale] | None:
    """Return logarithmic scales for two axes; None where linear ones show the values as well.

    Those of amounts of the same size, and of which none is above 0, are linear.
    """
    ratio = _find_ratio(values)
    other_ratio = _find_ratio(others)
    is_possible = ratio > 0 and other_ratio > 0
    if not is_possible or max(ratio, other_ratio) < _MIN_RATIO:
        return None
    return _make_log_scale(values), _make_log_scale(others)


def _find_ratio(values: FloatArray) -> float:
    """Return the ratio of the largest to the smallest size; 0 if no value is above 0."""
    if values.max() <= 0:
        return 0.0
    sizes = _find_sizes(values)
    return float(sizes.max() / sizes.min())


def _find_sizes(values: FloatArray) -> FloatArray:
    """Return the sizes of the values that are not 0."""
    sizes: FloatArray = np.abs(values)
    return sizes[sizes > 0]


def _make_log_scale(values: FloatArray) -> LogScale:
    sizes = _find_sizes(values)
    threshold = round_down(float(sizes.min()))
    largest = float(sizes.max())
    lowest = float(values.min())
    return LogScale(
        threshold=threshold,
        largest=max(largest, _MIN_RATIO * threshold),
        has_zero=lowest <= 0,
        has_negative=lowest < 0,
    )


def _widen(values: FloatArray) -> tuple[float, float]:
    """Return logarithmic limits with margins, at least a power of ten apart."""
    low = float(values.min())
    high = float(values.max())
    middle = math.sqrt(low * high)
    ratio = max(high / low, _MIN_RATIO)
    reach = ratio ** (0.5 + _MARGIN)
    return middle / reach, middle * reach


def round_down(size: float) -> float:
    """Return the largest number of one digit, 1, 2 or 5, that is not above a size."""
    exponent = math.floor(math.log10(size))
    power = float(_BASE) ** exponent
    found = power
    for digit in _DIGITS[0]:
        if digit * power <= size:
            found = digit * power
    return found


def format_log_axis(axis: Axis, scale: LogScale, unit: str) -> None:
    """Set few round ticks: 0, and powers of ten or what is between them."""

    def format_tick(value: float, _position: int | None = None) -> str:
        is_small = 0 < abs(value) < 1
        if is_small and unit != "fraction":
            return f"{value:.3g}"
        return format_number(value, unit)

    axis.set_major_locator(_LogTicks(scale))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(format_tick))


class _LogTicks(Locator):
    """Ticks of a logarithmic scale, as dense as the axis has room for when it is drawn."""

    def __init__(self, scale: LogScale) -> None:
        self._scale = scale

    def __call__(self) -> Any:
        """Return the ticks between the limits of the axis."""
        axis: Any = self.axis
        limits = axis.get_view_interval()
        return self.tick_values(min(limits), max(limits))

    def tick_values(self, vmin: float, vmax: float) -> Any:
        """Return the ticks between two values."""
        axis: Any = self.axis
        room = int(_TICK_ROOM * axis.get_tick_space())
        room = min(max(room, 2), _MAX_TICKS)
        ticks: list[float] = []
        for sizes in self._list_sizes(vmin, vmax):
            ticks = self._select(sizes, vmin, vmax)
            if len(ticks) <= room:
                break
        return np.array(ticks)

    def _list_sizes(self, low: float, high: float) -> Iterator[list[float]]:
        """Yield the sizes of possible ticks, the densest first."""
        smallest = self._scale.threshold / _BASE
        largest = max(abs(low), abs(high))
        first = math.floor(math.log10(smallest))
        last = math.ceil(math.log10(largest))
        powers = 10.0 ** np.arange(first, last + 1)
        for digits in _DIGITS:
            table = np.outer(powers, digits)
            yield table.ravel().tolist()
        for step in range(2, len(powers)):
            yield powers[::-step].tolist()

    def _select(
        self,
        sizes: Sequence[float],
        low: float,
        high: float,
    ) -> list[float]:
        """Return the ticks of given sizes that the scale has."""
        scale = self._scale
        ticks = []
        if scale.has_zero:
            ticks.append(0.0)
            sizes = [size for size in sizes if size >= scale.threshold]
        ticks.extend(sizes)
        if scale.has_negative:
            negatives = np.negative(sizes)
            ticks.extend(negatives.tolist())
        return sorted(tick for tick in ticks if low <= tick <= high)
